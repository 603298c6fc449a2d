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


class TaskNetwork:
    """A network of the builder's own class, whose weights become those of another task in place.

    What tasks have in common is held once. Of each tensor a task holds the entries that differ from that, with their
    places where these are few, as masks of a low density leave them; so a change of task takes time
    and memory for them alone, and no weights are generated for it. Networks of masks share zeros. While it is made
    it takes the memory of a network a task.

    Args:
        method: that has learned the tasks; later changes of it are not seen.
        tasks: whose networks are held.
        architecture: of the network; None for the largest.

    Attributes:
        module: that computes, in evaluation mode; its weights are those of `task`.
        task: whose weights these are, the first of `tasks` to begin with.

    Raises:
        ValueError: if there are no tasks.
    """

    @checked
    def __init__(
        self,
        method: Method,
        tasks: Sequence[int],
        architecture: Mapping[str, Any] | None = None,
    ) -> None:
        if not tasks:
            raise ValueError("a network of tasks needs one task or more, got none.")
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
        self.task = tasks[-1]
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
        tensors = self._tensors()
        for name, own in self._own[task].items():
            flat, common = tensors[name].view(-1), self._common[name]
            left = self._own[self.task][name].entries
            if common is None or left is None or own.entries is None:
                flat.copy_(own.values)
            else:
                flat.scatter_(0, left, common.index_select(0, left))
                flat.scatter_(0, own.entries, own.values)
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
    """Values of which those of all tasks differ least, if it is worth telling where: zeros, or the first task's."""
    size = flat[0].element_size()
    dense = sum(one.nbytes for one in flat)
    for candidate in (flat[0].new_zeros(()).expand_as(flat[0]), flat[0]):
        num = sum(int((one != candidate).sum()) for one in flat)
        if num * (_INDEX + size) < dense:
            return candidate
    return None


def _own(flat: Tensor, common: Tensor | None) -> _Own:
    if common is None:
        return _Own(None, flat)
    (entries,) = torch.nonzero(flat != common, as_tuple=True)
    return _Own(entries, flat[entries])
