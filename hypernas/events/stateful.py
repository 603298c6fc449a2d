"""Parts of a run whose state is kept in its checkpoints."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

State = Mapping[str, object]  # name -> a tensor, or a value that JSON can hold


class Stateful(ABC):
    """A second interface of a callback, a sampler, an objective or a schedule.

    Checkpoints save what it returns, and a resumed run gives it back before the first event.
    """

    @abstractmethod
    def state(self) -> State:
        """Everything by which it differs from a new one: tensors, and values that JSON can hold."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Become what `state` was taken of; its tensors are on the CPU."""
