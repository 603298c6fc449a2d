"""Flows that are balanced over spines for each pair of leaves."""

import numpy as np

from hypernas.planning.demand import Flows
from hypernas.planning.scheme import Cut, Routed, Scheme, cut
from hypernas.planning.split import split


class LeafPair(Scheme):
    """The flows from a leaf to another spread evenly over the spines, pair by pair.

    Our extension of Theorem 1 of arXiv 2407.00550, which balances the links up to spines alone: as each spine
    gets the same from every pair, all links have the load that spraying gives them, whatever the traffic, at the
    price of more pieces.
    """

    name, about = "leaf_pair", "flows between two leaves in turn, the last ones split"
    subject, action = "two leaves' flows in turn", "Send whole flows over the spines in turn"

    def route(self, flows: Flows, num_leaves: int, num_spines: int) -> Routed:
        to = np.bincount(flows.to, weights=flows.sizes, minlength=num_leaves)
        counts = np.bincount(flows.to, minlength=num_leaves)
        starts = np.concatenate([[0], np.cumsum(counts)])
        sizes = None if flows.equal else flows.sizes[_by_leaf(flows.to, num_leaves)]
        cuts, num_pieces = [], 0
        for leaf in np.flatnonzero(counts):
            num = int(counts[leaf])
            if sizes is None:
                found = split(num, num_spines)
                num_split, pieces = found.num_split, found.total
            else:
                of = cut(sizes[starts[leaf] : starts[leaf + 1]], num_spines)[2]
                num_split, pieces = len(np.unique(of)), num + len(of)
            num_pieces += pieces
            if num_split:
                cuts.append(Cut(flows.leaf, int(leaf), num, num_split, pieces, flows.equal))
        shares = np.repeat(to[:, None] / num_spines, num_spines, axis=1)
        return Routed(shares[None], cuts, num_pieces)


def _by_leaf(to: np.ndarray, num_leaves: int) -> np.ndarray:
    """The order of flows by the leaf they go to; numpy sorts small integers by radix, which is faster."""
    return np.argsort(to.astype(np.min_scalar_type(num_leaves)), kind="stable")
