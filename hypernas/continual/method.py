"""The interface of methods that learn one task after another."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from hypernas.border import checked
from hypernas.data import Data
from hypernas.generators import Generator, ParameterGroup
from hypernas.space.architecture import Architecture


@dataclass(frozen=True)
class Phase:
    """A part of the training of one task, with an optimizer of its own.

    Attributes:
        groups: of the parameters that are trained.
        share: of the task's steps, in [0, 1].
        entries: of some of these parameters the only ones that move: see `hypernas.masks.training_only`.
    """

    groups: Sequence[ParameterGroup]
    share: float = 1.0
    entries: Mapping[nn.Parameter, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(
                f"share must be a part of the task's steps, in [0, 1], got {self.share}."
            )


@dataclass(frozen=True)
class Stored:
    """Bytes that a method keeps: everything that it takes to answer for its tasks, and to learn another.

    Attributes:
        shared: part -> bytes, whatever the number of tasks.
        tasks: of each task, part -> bytes.
        bits: of each task, the bytes of its masks at a bit an entry, of which `tasks` counts the code; 0 without masks.
        codes: of each task, the bytes of that code.
    """

    shared: Mapping[str, int]
    tasks: Sequence[Mapping[str, int]] = ()
    bits: Sequence[int] = ()
    codes: Sequence[int] = ()

    def total(self) -> int:
        """All bytes."""
        return sum(self.shared.values()) + sum(sum(own.values()) for own in self.tasks)


class Method(ABC):
    """A way in which one generator learns tasks that come one after another.

    What a new method writes: four methods here, and as few of `Regularized`, `Watching` and `Rehearsing` as it needs.

    Args:
        generator: that is trained; what a method puts around it, it keeps itself.
        num_tasks: of the stream.
    """

    @checked
    def __init__(self, generator: Generator, *, num_tasks: int) -> None:
        if num_tasks < 1:
            raise ValueError(f"num_tasks must be 1 or more, got {num_tasks}.")
        self.generator, self.num_tasks = generator, num_tasks

    @abstractmethod
    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        """The phases of a task. Before the first it is begun, after the last it is ended."""

    @abstractmethod
    def using(self, task: int) -> AbstractContextManager[Generator]:
        """Within, a generator of the weights of a task; of one that was not learned, those it would begin with."""

    @abstractmethod
    def stored(self) -> Stored:
        """The bytes kept of all tasks that were learned."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Everything that was learned, between two tasks."""

    @abstractmethod
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Become what `state` was taken of."""


class Regularized(ABC):
    """A second interface of a method: adds to the loss of a task."""

    @abstractmethod
    def penalty(self, task: int, architectures: Sequence[Architecture]) -> Tensor | None:
        """The term of a step that trains these architectures, shape (); None for none."""


class Watching(ABC):
    """A second interface of a method: sees every step."""

    @abstractmethod
    def before_step(self) -> None:
        """See the gradients of the task's own loss."""

    @abstractmethod
    def after_step(self) -> None:
        """See what parameters have become."""


class Rehearsing(ABC):
    """A second interface of a method: trains on the data of earlier tasks too."""

    @abstractmethod
    def examples(self, seen: Sequence[Data]) -> Data:
        """The data to train on, of those of all tasks up to this one."""


def only(
    groups: Sequence[ParameterGroup], parameters: Iterable[nn.Parameter], *, lr_scale: float = 1.0
) -> list[ParameterGroup]:
    """Groups of some of the parameters, whose learning rates are scaled; empty ones are left out."""
    wanted = {id(p) for p in parameters}
    found = [
        replace(
            group,
            parameters=[p for p in group.parameters if id(p) in wanted],
            lr_scale=group.lr_scale * lr_scale,
        )
        for group in groups
    ]
    return [group for group in found if group.parameters]


def num_bytes(module: nn.Module) -> int:
    """Bytes of the parameters and buffers of a module, as its state is saved."""
    return sum(value.nbytes for value in module.state_dict().values() if isinstance(value, Tensor))


def part_of(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The entries of a state that begin with `name:`, without that."""
    start = f"{name}:"
    return {n.removeprefix(start): value for n, value in state.items() if n.startswith(start)}


def as_part(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """A state whose entries begin with `name:`."""
    return {f"{name}:{n}": value for n, value in state.items()}
