"""The fit of a checkpoint: made for the same space, with the same parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from hypernas.generators import Generator, late_buffers, padding_rows
from hypernas.training.state import CheckpointError


def check_space(folder: Path, saved: dict[str, Any], present: dict[str, Any]) -> None:
    lines = [
        f"{name}: {_values(saved, name)} in the checkpoint, {_values(present, name)} here"
        for name in {**saved, **present}
        if saved.get(name) != present.get(name)
    ]
    if lines:
        raise CheckpointError(
            f"{folder} was made for another search space:\n  " + "\n  ".join(lines)
        )


def _values(space: Mapping[str, Any], name: str) -> str:
    if name not in space:
        return "absent"
    when = space[name]["when"]
    return f"{space[name]['values']}" + (f" when {when}" if when else "")


def check_parameters(folder: Path, saved: Mapping[str, Tensor], generator: Generator) -> None:
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
            f"{folder} holds another generator's parameters:\n  " + "\n  ".join(lines[:10]) + more
        )
