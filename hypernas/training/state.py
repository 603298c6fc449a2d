"""The state of a run beside its generator, as a checkpoint holds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.data import draws
from hypernas.events import Stateful


class CheckpointError(ValueError):
    """A checkpoint that is not there, is damaged, or belongs to another generator or space."""


@dataclass(frozen=True)
class State:
    """The rest of a checkpoint, beside the generator.

    Attributes:
        step: steps taken.
        figures: measures of the last validation before it.
    """

    step: int
    figures: dict[str, float]
    _optimizer: dict[str, Any]
    _parts: dict[str, dict[str, object]]
    _tensors: dict[str, Tensor]
    _changed: list[str]  # parameters of an earlier format, which learn at another rate now

    def part(self, name: str) -> dict[str, object]:
        """The state of a callback, a sampler or the like, by the name it was saved under."""
        return {**self._parts.get(name, {}), **part_of(self._tensors, f"part {name}.")}

    def restore_parts(self, parts: Mapping[str, Stateful]) -> None:
        """Give back what was kept of them; one that was not there then begins afresh."""
        for name, part in parts.items():
            if name in self._parts:
                part.restore(self.part(name))

    def restore_optimizer(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        holds: Callable[[nn.Parameter], bool] | None = None,
    ) -> None:
        """Fill an optimizer of the loaded generator's parameters; its options stay its own.

        Args:
            holds: which parameters it is to move, where ranks divide them; None for all.

        Raises:
            CheckpointError: if its groups are of other sizes, or what was saved is of an earlier format
                in which parameters learned at other rates.
        """
        if self._changed:
            raise CheckpointError(
                f"training cannot go on from a checkpoint of an earlier version of hypernas, in which "
                f"{self._changed} learned at another rate: evaluate or export it, or train anew."
            )
        saved = part_of(self._tensors, "optimizer.") | self._optimizer["state"]
        entries: dict[int, dict[str, Any]] = {}
        for name, value in saved.items():
            index, key = name.split(".", 1)
            entries.setdefault(int(index), {})[key] = value
        groups = _numbered(optimizer)
        sizes = [[len(g["params"]) for g in some] for some in (self._optimizer["groups"], groups)]
        if sizes[0] != sizes[1]:
            raise CheckpointError(
                f"the optimizer's groups have {sizes[1]} parameters, those saved {sizes[0]}."
            )
        if holds is not None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            entries = {i: entry for i, entry in entries.items() if holds(parameters[i])}
        optimizer.load_state_dict({"state": entries, "param_groups": groups})

    def restore_rng(self, device: torch.device) -> None:
        """Put the global generators back where they were."""
        draws.restore(part_of(self._tensors, "rng."), device)


def _numbered(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The groups as `state_dict` has them, which a divided optimizer tells to rank 0 only."""
    groups, first = [], 0
    for group in optimizer.param_groups:
        numbers = list(range(first, first + len(group["params"])))
        groups.append({**group, "params": numbers})
        first += len(numbers)
    return groups


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
