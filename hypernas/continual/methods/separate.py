"""A network a task."""

import contextlib
from collections.abc import Iterator, Mapping

from torch import Tensor

from hypernas.continual.method import Method, Phase, Stored, as_part, part_of
from hypernas.data import Data
from hypernas.generators import Generator, running_statistics
from hypernas.masks import TaskTensors


class Separate(Method):
    """Every task has parameters of its own, which begin as the first's did: nothing is shared, nothing forgotten."""

    def __init__(self, generator: Generator, *, num_tasks: int) -> None:
        super().__init__(generator, num_tasks=num_tasks)
        self._own = TaskTensors(
            lambda: dict(generator.named_parameters()) | running_statistics(generator)
        )

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        self._own.begin()
        yield Phase(self.generator.parameter_groups())
        self._own.keep(task)

    @contextlib.contextmanager
    def using(self, task: int) -> Iterator[Generator]:
        with self._own.of(task):
            yield self.generator

    def stored(self) -> Stored:
        return Stored({}, [{"network": self._own.num_bytes(task)} for task in self._own.kept])

    def state(self) -> dict[str, Tensor]:
        return as_part(self._own.state(), "own")

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._own.restore(part_of(state, "own"))
