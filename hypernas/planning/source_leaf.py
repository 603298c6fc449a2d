"""Flows that are balanced over spines by their own leaf."""

import numpy as np

from hypernas.planning.demand import Flows
from hypernas.planning.scheme import Cut, Routed, Scheme, cut
from hypernas.planning.split import split

Pieces = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # flow, spine, bytes; flows that are split


class SourceLeaf(Scheme):
    """All flows of a leaf spread evenly over its up-links (Theorem 1 of arXiv 2407.00550).

    Flows go to spines in turn, in their order; the last r are split. The links down from spines are balanced only
    where traffic is as regular as that of collectives. Flows of unequal sizes, of which the theorem does not speak,
    are laid on a line that is cut in equal parts.
    """

    name, about = "source_leaf", "flows of a leaf in turn, the last ones split"
    subject, action = "a leaf's flows in turn", "Send whole flows over the spines in turn"

    def route(self, flows: Flows, num_leaves: int, num_spines: int) -> Routed:
        num = len(flows.to)
        if not num:
            return Routed(np.zeros((1, num_leaves, num_spines)), [], 0)
        of, spines, sizes, num_split = (_theorem if flows.equal else _line)(flows, num_spines)
        shares = np.bincount(
            flows.to[of] * num_spines + spines, weights=sizes, minlength=num_leaves * num_spines
        )
        found = Cut(flows.leaf, None, num, num_split, len(of), flows.equal)
        cuts = [found] if num_split else []
        return Routed(shares.reshape(1, num_leaves, num_spines), cuts, len(of))


def _theorem(flows: Flows, num_spines: int) -> Pieces:
    found = split(len(flows.to), num_spines)
    whole, pieces = np.arange(found.num_whole), np.arange(found.num_split * found.num_pieces)
    of = np.concatenate([whole, found.num_whole + pieces // found.num_pieces])
    sizes = flows.sizes[of]
    sizes[found.num_whole :] /= found.num_pieces
    return of, np.concatenate([whole, pieces]) % num_spines, sizes, found.num_split


def _line(flows: Flows, num_spines: int) -> Pieces:
    ends, places, cuts = cut(flows.sizes, num_spines)
    stops = np.insert(ends, cuts, places)
    sizes = np.diff(stops, prepend=0.0)
    of = np.insert(np.arange(len(ends)), cuts, cuts)
    spines = (stops - sizes / 2) * (num_spines / ends[-1])
    return of, np.minimum(spines.astype(np.int64), num_spines - 1), sizes, len(np.unique(cuts))
