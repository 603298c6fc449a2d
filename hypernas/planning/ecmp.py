"""ECMP: a hash of a flow's addresses chooses its spine."""

import numpy as np

from hypernas.planning.demand import Flows
from hypernas.planning.scheme import Routed, Scheme


class Ecmp(Scheme):
    """Each flow, or each of its equal subflows, over a spine drawn at random.

    A hash is taken for a uniform draw. Flows of one size to one leaf are drawn together, as counts from a
    multinomial distribution, which is the same.

    Args:
        num_subflows: of each flow; 1 sends it whole.
        num_draws: over which completion times are averaged.
        seed: of the draws.
    """

    def __init__(self, *, num_subflows: int = 1, num_draws: int = 15, seed: int = 0) -> None:
        wrong = [
            f"{name} must be 1 or more, got {value}"
            for name, value in (("num_subflows", num_subflows), ("num_draws", num_draws))
            if value < 1
        ]
        if wrong:
            raise ValueError("; ".join(wrong) + ".")
        self.num_subflows, self.num_draws = num_subflows, num_draws
        self._rng = np.random.default_rng([seed, num_subflows])
        self.name = "ecmp" if num_subflows == 1 else f"ecmp_{num_subflows}"
        whole = num_subflows == 1
        self.about = "a hash, whole flows" if whole else f"{num_subflows} subflows each"
        self.subject = "a hash of addresses" + ("" if whole else f" of {num_subflows} subflows")
        self.action = "Leave flows whole" if whole else f"Send each flow as {num_subflows} subflows"

    def route(self, flows: Flows, num_leaves: int, num_spines: int) -> Routed:
        if flows.equal:
            kinds, kind = flows.sizes[:1], np.zeros(len(flows.to), dtype=np.int64)
        else:
            kinds, kind = np.unique(flows.sizes, return_inverse=True)
        if flows.equal or len(kinds) * num_leaves * num_spines <= len(flows.to):
            shares = self._counted(flows.to, kinds, kind, num_leaves, num_spines)
        else:
            shares = self._one_by_one(flows, num_leaves, num_spines)
        return Routed(shares, [], len(flows.to) * self.num_subflows)

    def _counted(
        self, to: np.ndarray, kinds: np.ndarray, kind: np.ndarray, num_leaves: int, num_spines: int
    ) -> np.ndarray:
        found = np.zeros((self.num_draws, num_leaves, num_spines))
        for i, size in enumerate(kinds):
            counts = np.bincount(to[kind == i], minlength=num_leaves)
            (reached,) = np.nonzero(counts)
            drawn = self._rng.multinomial(
                counts[reached] * self.num_subflows,
                np.full(num_spines, 1 / num_spines),
                size=(self.num_draws, len(reached)),
            )
            found[:, reached] += drawn * (size / self.num_subflows)
        return found

    def _one_by_one(self, flows: Flows, num_leaves: int, num_spines: int) -> np.ndarray:
        found = np.zeros((self.num_draws, num_leaves * num_spines))
        first, sizes = flows.to * num_spines, flows.sizes / self.num_subflows
        kind = np.uint8 if num_spines <= 256 else np.int64
        for i in range(self.num_draws):
            for _ in range(self.num_subflows):
                spines = self._rng.integers(num_spines, size=len(first), dtype=kind)
                found[i] += np.bincount(first + spines, weights=sizes, minlength=found.shape[1])
        return found.reshape(self.num_draws, num_leaves, num_spines)
