"""ECMP: a hash of a flow's addresses chooses its spine."""

import numpy as np

from hypernas.planning.demand import Flows
from hypernas.planning.scheme import Routed, Scheme

_FEW = 16  # flows a link, up to which drawing each is cheaper than numpy's multinomial draw of all


class Ecmp(Scheme):
    """Each flow, or each of its equal subflows, over a spine drawn at random.

    A hash is taken for a uniform draw. Many flows of one size to one leaf are drawn together, as counts from a
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
            own = to[kind == i]
            counts = np.bincount(own, minlength=num_leaves) * self.num_subflows
            if counts.sum() < _FEW * np.count_nonzero(counts) * num_spines:
                drawn = self._drawn(np.repeat(own, self.num_subflows), num_leaves, num_spines)
            else:
                drawn = self._multinomial(counts, num_spines)
            found += drawn * (size / self.num_subflows)
        return found

    def _drawn(self, to: np.ndarray, num_leaves: int, num_spines: int) -> np.ndarray:
        """Flows to each leaf over each spine, shape (D, L, S), each drawn by itself."""
        first, num_links = to * num_spines, num_leaves * num_spines
        found = [
            np.bincount(first + self._spines(len(to), num_spines), minlength=num_links)
            for _ in range(self.num_draws)
        ]
        return np.stack(found).reshape(self.num_draws, num_leaves, num_spines)

    def _multinomial(self, counts: np.ndarray, num_spines: int) -> np.ndarray:
        """The same of as many flows to each leaf, drawn together."""
        found = np.zeros((self.num_draws, len(counts), num_spines))
        (reached,) = np.nonzero(counts)
        size = (self.num_draws, len(reached))
        shares = np.full(num_spines, 1 / num_spines)
        found[:, reached] = self._rng.multinomial(counts[reached], shares, size=size)
        return found

    def _one_by_one(self, flows: Flows, num_leaves: int, num_spines: int) -> np.ndarray:
        found = np.zeros((self.num_draws, num_leaves * num_spines))
        first, sizes = flows.to * num_spines, flows.sizes / self.num_subflows
        for i in range(self.num_draws):
            for _ in range(self.num_subflows):
                links = first + self._spines(len(first), num_spines)
                found[i] += np.bincount(links, weights=sizes, minlength=found.shape[1])
        return found.reshape(self.num_draws, num_leaves, num_spines)

    def _spines(self, num: int, num_spines: int) -> np.ndarray:
        kind = np.uint8 if num_spines <= 256 else np.int64
        return self._rng.integers(num_spines, size=num, dtype=kind)
