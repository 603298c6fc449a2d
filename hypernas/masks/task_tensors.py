"""Tensors that each task has of its own, as the running statistics of norms."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor


class TaskTensors:
    """Values of some tensors in use, a set for each task that has ended.

    Norm statistics a task are `TaskTensors(lambda: running_statistics(generator))`.

    Args:
        tensors: the tensors in use by name, such as buffers of a generator; asked for anew each time.

    Attributes:
        kept: task -> name -> its value.
    """

    def __init__(self, tensors: Callable[[], Mapping[str, Tensor]]) -> None:
        self._tensors = tensors
        self._fresh = self._copies()
        self.kept: dict[int, dict[str, Tensor]] = {}

    def begin(self) -> None:
        """Set the tensors back to what they were at first, for a new task."""
        self._fill(self._fresh)

    def keep(self, task: int) -> None:
        """Keep the values of now as those of a task."""
        self.kept[task] = self._copies()

    @contextlib.contextmanager
    def of(self, task: int) -> Iterator[None]:
        """Within, the tensors have the values of a task; those of now, if none are kept of it."""
        if task not in self.kept:
            yield
            return
        before = self._copies()
        self._fill(self.kept[task])
        try:
            yield
        finally:
            self._fill(before)

    def num_bytes(self, task: int) -> int:
        """Bytes that are kept of a task."""
        return sum(value.nbytes for value in self.kept.get(task, {}).values())

    def state(self) -> dict[str, Tensor]:
        """Everything that is kept, by `task/name`."""
        return {f"{task}/{n}": value for task, own in self.kept.items() for n, value in own.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Keep what `state` gave, and nothing else."""
        self.kept = {}
        for key, value in state.items():
            task, _, name = key.partition("/")
            self.kept.setdefault(int(task), {})[name] = value

    def _copies(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self._tensors().items()}

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, tensor in self._tensors().items():
            if name in values:
                tensor.copy_(values[name])
