"""One plain network that becomes that of any task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.continual.method import Method
from hypernas.subnet.skeleton import compute_attributes

_INDEX = 8  # bytes of the place of an entry


@dataclass(frozen=True)
class _Own:
    """Entries of a flat tensor that differ from what all tasks have in common."""

    entries: Tensor | None  # their indices; None for all of them
    values: Tensor

    @property
    def num_bytes(self) -> int:
        return self.values.nbytes + (0 if self.entries is None else self.entries.nbytes)

    def write(self, flat: Tensor, common: Tensor | None, left: Tensor | None) -> None:
        """Fill a tensor, of which only the entries `left` are not common; None for any."""
        if self.entries is None or common is None:
            flat.copy_(self.values)
            return
        if left is None:
            flat.copy_(common)
        else:
            flat.scatter_(0, left, common.index_select(0, left))
        flat.scatter_(0, self.entries, self.values)


class TaskNetwork:
    """A network of the builder's own class, whose weights become those of another task in place.

    What tasks have in common is held once. Of each tensor a task holds the entries that differ from that, with their
    places where that takes fewer bytes (12 an entry in single precision), as masks of a low density leave them; so a change
    of task takes time and memory for them alone, and no weights are generated for it. Networks of masks share zeros.
    While it is made it takes the memory of a network a task.

    Args:
        method: that has learned the tasks; later changes of it are not seen. Tasks that it has not learned are as
            they would begin.
        tasks: whose networks are held, from 0.
        architecture: of the network; None for the largest.

    Attributes:
        module: that computes, in evaluation mode, on the generator's device, where it stays; its weights equal those of `task`.
        task: whose weights these are, the first of `tasks` to begin with; None after a change that failed.

    Raises:
        ValueError: if there are no tasks, or negative ones.
    """

    @checked
    def __init__(
        self,
        method: Method,
        tasks: Sequence[int],
        architecture: Mapping[str, Any] | None = None,
    ) -> None:
        tasks = [int(task) for task in tasks]
        if not tasks or min(tasks) < 0:
            raise ValueError(f"a network of tasks needs one task or more, from 0, got {tasks}.")
        space = method.generator.space
        own = space.largest() if architecture is None else architecture
        states: list[dict[str, Tensor]] = []
        for task in tasks:
            with method.using(task) as generator:
                self.module = generator.export(own).eval().requires_grad_(False)
            states.append(
                {name: t.detach().clone().flatten() for name, t in self._tensors().items()}
            )
        differ = [n for n, flat in states[0].items() if not all(flat.equal(s[n]) for s in states)]
        self._common = {name: _common([state[name] for state in states]) for name in differ}
        self._own = {
            task: {name: _own(state[name], self._common[name]) for name in differ}
            for task, state in zip(tasks, states, strict=True)
        }
        for tensor in self._tensors().values():
            tensor.data = tensor.data.contiguous()
        self.task: int | None = tasks[-1]
        self.use(tasks[0])

    @torch.no_grad()
    def use(self, task: int) -> None:
        """Give the module the weights and buffers of a task.

        Raises:
            ValueError: if its network is not held.
        """
        if task not in self._own:
            raise ValueError(f"expected one of the tasks {list(self._own)}, got {task}.")
        if task == self.task:
            return
        before = {} if self.task is None else self._own[self.task]
        self.task = None  # until all of it is written
        tensors = self._tensors()
        for name, own in self._own[task].items():
            left = before[name].entries if before else None
            own.write(tensors[name].view(-1), self._common[name], left)
        compute_attributes(self.module)
        self.task = task

    @property
    def num_bytes(self) -> dict[int, int]:
        """Task -> bytes that are held for it alone, without those of the module and of what is common."""
        return {
            task: sum(own.num_bytes for own in every.values()) for task, every in self._own.items()
        }

    def _tensors(self) -> dict[str, Tensor]:
        return {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}


def _common(flat: Sequence[Tensor]) -> Tensor | None:
    """Values by which telling what each task has of its own takes least: zeros, or the first task's; None for no values."""
    entry = _INDEX + flat[0].element_size()
    best, least = None, sum(one.nbytes for one in flat)
    zeros = flat[0].new_zeros(()).expand_as(flat[0])  # which take no memory
    for candidate, own in ((zeros, 0), (flat[0], flat[0].nbytes)):
        held = own + entry * sum(int((one != candidate).sum()) for one in flat)
        if held < least:
            best, least = candidate, held
    return best


def _own(flat: Tensor, common: Tensor | None) -> _Own:
    if common is None:
        return _Own(None, flat)
    (entries,) = torch.nonzero(flat != common, as_tuple=True)
    return _Own(entries, flat[entries])
