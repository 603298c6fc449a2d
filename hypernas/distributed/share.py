"""Shares of a step: the part that one of several ranks trains."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypernas.border import checked
from hypernas.subnet.rows import ALL, Rows


@dataclass(frozen=True)
class Share:
    """Some architectures of a step, on all that each of them reads or on a part of it.

    Attributes:
        positions: of the architectures, among those of the step.
        rows: of what they read.
    """

    positions: tuple[int, ...]
    rows: Rows = ALL


@checked
def share(rank: int, size: int, num_examples: Sequence[int], *, split: bool = True) -> Share:
    """The share of a step that rank `rank` of `size` trains.

    Architectures are dealt out to and fro, each with all that it reads: of a sandwich on two ranks,
    the largest and the smallest go to one, those between to the other. Where there are more ranks
    than architectures, ranks `i`, `i + n`, `i + 2 n`, ... divide the batch of architecture `i`
    of `n`; the first ones, of which the largest is, get one rank more if that does not come out even.

    Args:
        num_examples: that each architecture reads.
        split: False leaves the ranks idle that would divide a batch.
    """
    num = len(num_examples)
    if not num or not 0 <= rank < size:
        raise ValueError(
            f"expected one architecture or more, and a rank below the size, got {num}, {rank} and {size}."
        )
    if size <= num or not split:
        turn = 2 * size
        return Share(tuple(i for i in range(num) if i % turn in (rank, turn - 1 - rank)))
    position = rank % num
    rows = Rows(rank // num, len(range(position, size, num)))
    start, stop = rows.range(num_examples[position])
    return Share((), ALL) if start == stop else Share((position,), rows)  # fewer rows than ranks
