"""Costs of architectures, remembered."""

from collections.abc import Callable

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.cache import Cache
from hypernas.subnet.skeleton import build_skeleton

_REMEMBERED = 10_000

Cost = Callable[[Architecture], float]


class Costs:
    """The cost of each architecture of a space.

    Args:
        cost: of an architecture; None for its number of parameters.
    """

    def __init__(self, cost: Cost | None = None) -> None:
        self.cost = cost
        self._known: Cache[float] = Cache(_REMEMBERED)

    def __call__(self, space: SearchSpace, architecture: Architecture) -> float:
        return self._known.get(architecture, lambda: self._counted(space, architecture))

    def range(self, space: SearchSpace) -> tuple[float, float]:
        """The costs of the smallest and of the largest."""
        return self(space, space.smallest()), self(space, space.largest())

    def bin(self, space: SearchSpace, architecture: Architecture, num: int) -> int:
        """The place of an architecture among `num` bins of equal width over that range."""
        low, high = self.range(space)
        width = (high - low) / num or 1.0
        return min(num - 1, max(0, int((self(space, architecture) - low) / width)))

    def _counted(self, space: SearchSpace, architecture: Architecture) -> float:
        if self.cost is not None:
            return float(self.cost(architecture))
        return float(sum(p.numel() for p in build_skeleton(space, architecture).parameters()))
