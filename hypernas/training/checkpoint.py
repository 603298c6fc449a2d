"""The files of a checkpoint: tensors as safetensors, all else as JSON, nothing pickled."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hypernas.data import draws
from hypernas.events import Stateful
from hypernas.generators import Generator, late_buffers, padding_rows
from hypernas.training.upgrade import upgraded

_KEPT = 2  # the newest, and one before it
_FORMAT = 3  # format 1 had no "parts"; for 2 see `upgraded`


class CheckpointError(ValueError):
    """A checkpoint that is not there, is damaged, or belongs to another generator or space."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` steps."""

    folder: Path
    step: int


def save(
    folder: str | os.PathLike[str],
    *,
    step: int,
    generator: Generator,
    optimizer: torch.optim.Optimizer,
    figures: Mapping[str, float] | None = None,
    states: tuple[Mapping[str, Tensor], Mapping[str, Any]] | None = None,
    parts: Mapping[str, Stateful] | None = None,
) -> Checkpoint:
    """Write `folder/<step>/`, whole or not at all, and drop all but the newest two.

    The files are written beside their place and renamed at the end: a killed process or a full disk
    leaves the earlier checkpoints as they were.

    Args:
        figures: measures of the last validation.
        states: of the generator and the optimizer, where ranks divide them; by default their own
            `state_dict()`.
        parts: name -> callback, sampler or the like whose state is kept too.
    """
    weights, state = states or (generator.state_dict(), optimizer.state_dict())
    place = Path(folder) / f"{step:08d}"
    tensors = {f"generator.{name}": t for name, t in weights.items()}
    moved = {
        f"{index}.{key}": v for index, kept in state["state"].items() for key, v in kept.items()
    }
    held = {name: part.state() for name, part in (parts or {}).items()}
    record = {
        "format": _FORMAT,
        "step": step,
        "space": json.loads(generator.space.to_json()),
        "optimizer": {
            "groups": state["param_groups"],
            "state": _divided(moved, "optimizer.", tensors),
        },
        "figures": dict(figures or {}),
        "parts": {name: _divided(own, f"part {name}.", tensors) for name, own in held.items()},
    }
    tensors |= {f"rng.{name}": state for name, state in draws.states(generator.device).items()}
    _write(place, tensors, record)
    for old in _complete(Path(folder))[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return Checkpoint(place, step)


def _divided(
    values: Mapping[str, object], prefix: str, tensors: dict[str, Tensor]
) -> dict[str, object]:
    """The values that are no tensors; those that are go to `tensors`, by their names behind a prefix."""
    tensors |= {prefix + name: v for name, v in values.items() if isinstance(v, Tensor)}
    return {name: v for name, v in values.items() if not isinstance(v, Tensor)}


def _write(place: Path, tensors: Mapping[str, Tensor], record: Mapping[str, object]) -> None:
    """Both files of a checkpoint, in a folder beside its place that takes it at the end."""
    draft = place.with_name(f".{place.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        save_file(
            {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()},
            draft / "state.safetensors",
        )
        (draft / "state.json").write_text(json.dumps(record, indent=1))
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, Exception):  # safetensors has errors of its own
            raise CheckpointError(
                f"the checkpoint {place} could not be written ({error}); earlier ones are as they were."
            ) from error
        raise


def newest(folder: str | os.PathLike[str]) -> Checkpoint:
    """The checkpoint of most steps in a folder.

    Raises:
        CheckpointError: if there is none.
    """
    return last(folder, 1)[0]


def last(folder: str | os.PathLike[str], num: int) -> list[Checkpoint]:
    """The last `num` checkpoints in a folder, the newest first.

    Raises:
        CheckpointError: if there are not as many.
    """
    found = _complete(Path(folder))
    if not found:
        raise CheckpointError(
            f"there is no checkpoint in {folder}: give the folder of a run that has saved one."
        )
    if len(found) < num:
        raise CheckpointError(
            f"expected {num} checkpoints in {folder}, which has {len(found)}: ask for as many. A run keeps "
            f"the newest {_KEPT}."
        )
    return [Checkpoint(place, int(place.name)) for place in found[: -num - 1 : -1]]


def load(checkpoint: Checkpoint, *, generator: Generator) -> "State":
    """Read a checkpoint into a generator; what else it holds is in the result.

    Raises:
        CheckpointError: if the checkpoint is damaged, was made for another space, or holds other
            parameters than the generator. Nothing is changed then.
    """
    try:
        record = json.loads((checkpoint.folder / "state.json").read_text())
        tensors = load_file(checkpoint.folder / "state.safetensors")
    except Exception as error:
        raise CheckpointError(f"{checkpoint.folder} cannot be read: {error}") from error
    if record.get("format") not in range(1, _FORMAT + 1):
        raise CheckpointError(
            f"{checkpoint.folder} has the format {record.get('format')!r}, expected {_FORMAT} or less: "
            f"open it with the version of hypernas that wrote it, or a newer one."
        )
    _check_space(checkpoint, record["space"], json.loads(generator.space.to_json()))
    tensors, changed = upgraded(tensors, generator, since=record["format"])
    weights = _part(tensors, "generator.")
    _check_parameters(checkpoint, weights, generator)
    try:
        generator.load_state_dict(weights)
    except (RuntimeError, ValueError) as error:  # of generators whose parameters come and go
        raise CheckpointError(f"{checkpoint.folder} does not fit: {error}") from error
    return State(
        record["step"],
        record["figures"],
        record["optimizer"],
        record.get("parts", {}),
        tensors,
        changed,
    )


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
        return {**self._parts.get(name, {}), **_part(self._tensors, f"part {name}.")}

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
        saved = _part(self._tensors, "optimizer.") | self._optimizer["state"]
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
        draws.restore(_part(self._tensors, "rng."), device)


def _numbered(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The groups as `state_dict` has them, which a divided optimizer tells to rank 0 only."""
    groups, first = [], 0
    for group in optimizer.param_groups:
        numbers = list(range(first, first + len(group["params"])))
        groups.append({**group, "params": numbers})
        first += len(numbers)
    return groups


def _complete(folder: Path) -> list[Path]:
    """Finished checkpoints, by step."""
    return sorted(p for p in folder.glob("[0-9]*") if p.is_dir()) if folder.is_dir() else []


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _check_space(checkpoint: Checkpoint, saved: dict[str, Any], present: dict[str, Any]) -> None:
    lines = [
        f"{name}: {_values(saved, name)} in the checkpoint, {_values(present, name)} here"
        for name in {**saved, **present}
        if saved.get(name) != present.get(name)
    ]
    if lines:
        raise CheckpointError(
            f"{checkpoint.folder} was made for another search space:\n  " + "\n  ".join(lines)
        )


def _values(space: Mapping[str, Any], name: str) -> str:
    if name not in space:
        return "absent"
    when = space[name]["when"]
    return f"{space[name]['values']}" + (f" when {when}" if when else "")


def _check_parameters(
    checkpoint: Checkpoint, saved: Mapping[str, Tensor], generator: Generator
) -> None:
    present = generator.state_dict()
    if any(
        n.rpartition(".")[2] == "_extra_state" for n in present
    ):  # what it holds depends on what it was asked for
        return
    parts = {**late_buffers(generator), **padding_rows(generator)}
    late = tuple(f"{name}./" for name in parts)  # come with the state
    lines = [
        f"{name}: {tuple(saved[name].shape) if name in saved else 'absent'} in the checkpoint, "
        f"{tuple(present[name].shape) if name in present else 'absent'} here"
        for name in {**saved, **present}
        if not name.startswith(late)
        if name not in saved or name not in present or saved[name].shape != present[name].shape
    ]
    if lines:
        more = f"\n  and {len(lines) - 10} more" if len(lines) > 10 else ""
        raise CheckpointError(
            f"{checkpoint.folder} holds another generator's parameters:\n  "
            + "\n  ".join(lines[:10])
            + more
        )
