"""The checkpoints of a run: tensors as safetensors, all else as JSON, nothing pickled.

A checkpoint is a folder named by its step. Its `manifest.json` holds the format, the step, digests of the
search space and of the generator's tensors, and the size and SHA-256 of every other file: what is loaded
is what was written, or refused by name.
"""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypernas.data import draws
from hypernas.events import Stateful
from hypernas.generators import Generator
from hypernas.storage.manifest import write_folder
from hypernas.storage.seal import Altered, digest
from hypernas.storage.tensors import read_tensors, write_tensors
from hypernas.training.checkpoint_folder import (
    FORMAT,
    RECORD,
    TENSORS,
    UNSEALED,
    Checkpoint,
    last,
    manifest_of,
    newest,
    offer,
    saved,
    tidy,
    whole_record,
)
from hypernas.training.fit import check_parameters, check_space
from hypernas.training.state import CheckpointError, State, part_of
from hypernas.training.upgrade import upgraded

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "State",
    "last",
    "load",
    "manifest_of",
    "newest",
    "save",
    "saved",
]


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

    The files are written beside their place, flushed to the disk, and renamed at the end: a killed
    process, a full disk or a power failure leaves the earlier checkpoints as they were. Dropped is only
    what was written here and nothing was added to. Checkpoints of later steps, from which the run was
    not gone on with, are renamed to `<step>.aside`.

    Args:
        figures: measures of the last validation.
        states: of the generator and the optimizer, where ranks divide them; by default their own
            `state_dict()`.
        parts: name -> callback, sampler or the like whose state is kept too.

    Raises:
        CheckpointError: if it could not be written.
    """
    weights, state = states or (generator.state_dict(), optimizer.state_dict())
    place = Path(folder) / f"{step:08d}"
    tensors = {f"generator.{name}": t for name, t in weights.items()}
    moved = {
        f"{index}.{key}": v for index, kept in state["state"].items() for key, v in kept.items()
    }
    held = {name: part.state() for name, part in (parts or {}).items()}
    space = json.loads(generator.space.to_json())
    record = {
        "format": FORMAT,
        "step": step,
        "space": space,
        "optimizer": {
            "groups": state["param_groups"],
            "state": _divided(moved, "optimizer.", tensors),
        },
        "figures": dict(figures or {}),
        "parts": {name: _divided(own, f"part {name}.", tensors) for name, own in held.items()},
    }
    tensors |= {f"rng.{name}": state for name, state in draws.states(generator.device).items()}
    about = {
        "format": FORMAT,
        "step": step,
        "space": digest(space),
        "generator": _identity(generator, weights),
    }
    text = json.dumps(record, indent=1).encode()
    try:
        write_folder(
            place,
            {
                TENSORS: lambda write: write_tensors(write, tensors),
                RECORD: lambda write: write(text),
            },
            about,
        )
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"the checkpoint {place} could not be written ({error}); earlier ones are as they were."
        ) from error
    tidy(Path(folder), step)
    return Checkpoint(place, step)


def _divided(
    values: Mapping[str, object], prefix: str, tensors: dict[str, Tensor]
) -> dict[str, object]:
    """The values that are no tensors; those that are go to `tensors`, by their names behind a prefix."""
    tensors |= {prefix + name: v for name, v in values.items() if isinstance(v, Tensor)}
    return {name: v for name, v in values.items() if not isinstance(v, Tensor)}


def _identity(generator: Generator, weights: Mapping[str, Tensor]) -> str:
    """The class of a generator, with a digest of the names, shapes and kinds of its tensors."""
    kinds = {name: [str(t.dtype), list(t.shape)] for name, t in weights.items()}
    return f"{type(generator).__qualname__} {digest(kinds)}"


def load(checkpoint: Checkpoint, *, generator: Generator) -> State:
    """Read a checkpoint into a generator; what else it holds is in the result.

    One of an earlier version, which had no checksums, is read with a warning.

    Raises:
        CheckpointError: if the checkpoint is damaged, was made for another space, or holds other
            parameters than the generator. Nothing is changed then.
    """
    folder = checkpoint.folder
    try:
        record = whole_record(checkpoint)
        tensors = read_tensors(folder / TENSORS)
    except (Altered, OSError) as error:
        raise CheckpointError(f"{error}{offer(checkpoint)}") from error
    if record["format"] in UNSEALED:
        warnings.warn(
            f"{folder} was written by an earlier version of hypernas, without checksums: nothing tells "
            f"whether it was altered since.",
            stacklevel=2,
        )
    check_space(folder, record["space"], json.loads(generator.space.to_json()))
    tensors, changed = upgraded(tensors, generator, since=record["format"])
    weights = part_of(tensors, "generator.")
    check_parameters(folder, weights, generator)
    try:
        generator.load_state_dict(weights)
    except (RuntimeError, ValueError) as error:  # of generators whose parameters come and go
        raise CheckpointError(f"{folder} does not fit: {error}") from error
    return State(
        record["step"],
        record["figures"],
        record["optimizer"],
        record.get("parts", {}),
        tensors,
        changed,
    )
