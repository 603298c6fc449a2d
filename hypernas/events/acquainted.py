"""Parts of a run that look at the generator."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

from torch import nn

from hypernas.space import SearchSpace


class Exporting(Protocol):
    """The part of a generator that others look at."""

    space: SearchSpace

    def export(self, architecture: Any) -> nn.Module:
        """A plain module with copies of the weights of an architecture."""
        ...


class Acquainted(ABC):
    """A second interface of a sampler, an objective or a schedule: it is shown the generator that is trained.

    On every rank, before its state is restored and before the first event. Every rank must hold all of the
    generator: banks that are divided among several are refused.
    """

    @abstractmethod
    def meet(self, generator: Exporting) -> None:
        """Take note of the generator, which trains on; whoever keeps weights of it copies them."""
