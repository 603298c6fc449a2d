"""Measures: architectures -> numbers."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from hypernas.search.hurdle import Hurdle
from hypernas.space import Architecture


class Measure(Protocol):
    """Anything that gives one finite number for each architecture: a cost, a judge of accuracy."""

    @property
    def name(self) -> str:
        """By which objectives and constraints ask for it."""
        ...

    @property
    def unit(self) -> str:
        """Such as "ms"; empty for shares and counts."""
        ...

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        """The number of each, in order."""
        ...


@runtime_checkable
class Uncertain(Protocol):
    """A second interface of measures: those that know how far to trust their numbers."""

    def intervals(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]]:
        """The ends of an interval of the number of each, in order."""
        ...


@runtime_checkable
class Sparing(Protocol):
    """A second interface of measures: those that stop early at what cannot be among the best."""

    def expect(self, hurdles: Mapping[Architecture, Hurdle]) -> None:
        """Tell what architectures have to surpass, before they are measured."""
        ...

    def examples(self, architectures: Sequence[Architecture]) -> list[int | None]:
        """The examples that were read of each; None where that was all."""
        ...
