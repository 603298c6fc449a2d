"""Statistics of norms that each task has of its own."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from hypernas.generators import Generator, running_statistics


class TaskNorms:
    """The running statistics of a generator's norms, a set for each task that has ended.

    Args:
        generator: whose buffers they are; all are shared by its subnets.

    Attributes:
        kept: task -> name of a statistic -> its value.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._fresh = self._copies()
        self.kept: dict[int, dict[str, Tensor]] = {}

    def begin(self) -> None:
        """Set the statistics back to what they were at first, for a new task."""
        self._fill(self._fresh)

    def keep(self, task: int) -> None:
        """Keep the statistics of now as those of a task."""
        self.kept[task] = self._copies()

    @contextlib.contextmanager
    def of(self, task: int) -> Iterator[None]:
        """Within, the generator has the statistics of a task; those of now, if none are kept of it."""
        if task not in self.kept:
            yield
            return
        before = self._copies()
        self._fill(self.kept[task])
        try:
            yield
        finally:
            self._fill(before)

    def _copies(self) -> dict[str, Tensor]:
        return {n: buffer.clone() for n, buffer in running_statistics(self._generator).items()}

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, buffer in running_statistics(self._generator).items():
            if name in values:
                buffer.copy_(values[name])
