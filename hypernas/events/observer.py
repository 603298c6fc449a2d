"""Parts of a run that are told what happens in it."""

from abc import ABC, abstractmethod

from hypernas.events.event import Event


class Observer(ABC):
    """A second interface of a sampler, an objective or a schedule: it sees the events of the run.

    It is told on every rank, before all callbacks; losses and figures are the same on all ranks.
    Every event says where training stands (`step` of `steps`).
    """

    @abstractmethod
    def see(self, event: Event) -> None:
        """Take note of an event."""
