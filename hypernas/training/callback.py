"""The interface of those who see a training run."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from hypernas.events import Event
from hypernas.generators import Generator

if TYPE_CHECKING:
    from hypernas.training.run import TrainingRun

Told = Callable[["TrainingRun", Event], None]  # any function of a run and an event


class Callback(ABC):
    """Sees the events of a run, each once; any function `(run, event)` can stand in for one.

    It takes of an event what it wants (`match event: case Stepped(...)`), and lets the others pass.
    What it keeps, and a resumed run needs, it tells as `hypernas.events.Stateful`.

    Attributes:
        on_every_rank: True for one that is told on all ranks, as it does its part of common work;
            others are told on rank 0 only.
        turn: of one event, those of turn 0 are told first, in the order they were given; then 1
            (validation, which all of them hear of), and last 2 (checkpoints, which save what all
            others keep).
    """

    on_every_rank: bool = False
    turn: int = 0

    @abstractmethod
    def __call__(self, run: "TrainingRun", event: Event) -> None:
        """See one event."""


class Averaging(ABC):
    """A second interface of a callback: other parameters than those that are trained are judged."""

    @abstractmethod
    def averaged(self, generator: Generator) -> AbstractContextManager[None]:
        """Within, the generator has the parameters that are to be judged; after, its own again."""


def told_here(callback: Told, *, first: bool) -> bool:
    """True for a callback that is told on this rank, rank 0 being the `first`."""
    return first or (isinstance(callback, Callback) and callback.on_every_rank)


def turn_of(callback: Told) -> int:
    """Turn at which a callback is told of an event: see `Callback.turn`."""
    return callback.turn if isinstance(callback, Callback) else 0
