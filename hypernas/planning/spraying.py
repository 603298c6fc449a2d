"""Spraying: every packet over a spine of its own."""

import numpy as np

from hypernas.planning.demand import Flows
from hypernas.planning.scheme import Routed, Scheme


class Spraying(Scheme):
    """Each flow over all spines alike, packet by packet: the least load that any way has.

    No way has less: what leaves a leaf, and what a leaf receives, crosses its S equal links, of which the heaviest
    has at least the mean.
    """

    name, about = "spraying", "packets over all spines alike"
    subject, action = "spraying", "Spray packets"

    def route(self, flows: Flows, num_leaves: int, num_spines: int) -> Routed:
        to = np.bincount(flows.to, weights=flows.sizes, minlength=num_leaves)
        shares = np.repeat(to[:, None] / num_spines, num_spines, axis=1)
        return Routed(shares[None], [], len(flows.to))
