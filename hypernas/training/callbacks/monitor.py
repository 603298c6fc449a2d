"""What watches a training run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from hypernas.generators import Generator
from hypernas.space.architecture import Architecture

Subnets = Mapping[str, tuple[Architecture, Mapping[str, float]]]  # label -> subnet and measures


class Monitor(ABC):
    """Is told what happens in a run; never changes it."""

    @abstractmethod
    def begin(self, *, step: int, steps: int) -> None:
        """The run starts, or goes on, after `step` of `steps` steps."""

    @abstractmethod
    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of training steps up to `step`: loss, gradient norm, learning rate, ..."""

    @abstractmethod
    def validation(
        self,
        step: int,
        subnets: Subnets,
        generator: Generator,
    ) -> None:
        """Some subnets were measured on the validation split."""

    @abstractmethod
    def end(self, final: Mapping[str, float]) -> None:
        """The run is over (finished, or stopped by an error); `final` are its last measures."""


def mean_over_subnets(subnets: Subnets) -> dict[str, float]:
    """Measure -> its mean over validated subnets."""
    rows = [measures for _, measures in subnets.values()]
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}
