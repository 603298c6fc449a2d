"""Memory of a measure."""

from collections.abc import Sequence

from hypernas.search.measure import Measure
from hypernas.space import Architecture


class Memory:
    """Measure that computes each architecture once.

    Args:
        measure: what is remembered.

    Attributes:
        values: what was computed so far.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self.values: dict[Architecture, float] = {}

    @staticmethod
    def of(measure: Measure) -> "Memory":
        """A measure with a memory; itself, if it has one."""
        return measure if isinstance(measure, Memory) else Memory(measure)

    @property
    def name(self) -> str:
        return self._measure.name

    @property
    def unit(self) -> str:
        return self._measure.unit

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        new = [a for a in dict.fromkeys(architectures) if a not in self.values]
        if new:
            self.values |= dict(zip(new, self._measure(new), strict=True))
        return [self.values[architecture] for architecture in architectures]
