"""Splits of flows: how many pieces make the load of all spines the same."""

import math
from typing import NamedTuple

from hypernas.border import checked


class Split(NamedTuple):
    """Some equal flows over some spines.

    Attributes:
        num_whole: flows that are sent whole, as many over each spine.
        num_split: the others, each of which is sent in equal pieces.
        num_pieces: of each of those; 1 if there are none.
    """

    num_whole: int
    num_split: int
    num_pieces: int

    @property
    def total(self) -> int:
        """Pieces in all, flows sent whole among them."""
        return self.num_whole + self.num_split * self.num_pieces


@checked
def split(num_flows: int, num_spines: int) -> Split:
    """The split of equal flows that loads all spines alike, as spraying of packets does.

    With r = n mod s and g = gcd(r, s), n - r flows go whole and the other r in s / g equal pieces each
    (Theorem 1 of arXiv 2407.00550, "Ethereal" in its second version). Of all splits that have pieces of one size
    only, none has fewer. Beyond the paper: pieces of several sizes may do with fewer, as 3 flows over
    4 spines do with 8 pieces (halves and quarters) instead of 12, and unequal pieces with
    n + s - gcd(n, s).
    """
    if num_flows < 0 or num_spines < 1:
        raise ValueError(
            f"expected flows, 0 or more, and spines, 1 or more, got {num_flows} and {num_spines}."
        )
    rest = num_flows % num_spines
    pieces = num_spines // math.gcd(rest, num_spines) if rest else 1
    return Split(num_flows - rest, rest, pieces)
