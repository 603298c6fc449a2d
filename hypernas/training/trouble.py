"""Trouble: steps whose loss or gradient was no number, kept so that they can be taken again.

In the folder `trouble` of a run lie, for such a step, a checkpoint of the step before it, and
`step_NNNNNNNN` with its batch, its random states and, in the manifest, its architectures and losses.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hypernas.data import draws
from hypernas.storage.manifest import check_parts, read_manifest, write_folder
from hypernas.storage.seal import Altered
from hypernas.storage.tensors import read_tensors, write_tensors
from hypernas.subnet.structure import map_tensors, named_tensors, tensors
from hypernas.training import checkpoint
from hypernas.training.checkpoint import Checkpoint
from hypernas.training.state import CheckpointError, part_of

if TYPE_CHECKING:
    from hypernas.training.run import TrainingRun
    from hypernas.training.watch import Attempt

FOLDER = "trouble"
_BATCH = "batch.safetensors"
_NAME = re.compile(r"step_([0-9]{8,})")


@dataclass(frozen=True)
class Trouble:
    """A step that is kept.

    Attributes:
        architectures: as JSON objects.
        losses: of each, as text, since they may be no numbers.
        batches: their tensors by name, and "rng.*".
        checkpoint: of the step before.
    """

    step: int
    architectures: Sequence[Mapping[str, Any]]
    losses: Sequence[str]
    tensors: Mapping[str, Tensor]
    checkpoint: Checkpoint

    def batches(self, like: Sequence[tuple[Any, Any]], device: torch.device) -> list[Any]:
        """The batches of the step, in the structure of others.

        Raises:
            ValueError: if they hold other tensors.
        """
        found = []
        for i, batch in enumerate(like):
            kept = part_of(dict(self.tensors), f"batch {i}.")
            there = {name: tensor.dtype for name, tensor in named_tensors(batch)}
            if there != {name: tensor.dtype for name, tensor in kept.items()}:
                raise ValueError(
                    f"the data give batches of {list(there)}, expected those of the step that was kept, "
                    f"{list(kept)}: replay with the data of the run."
                )
            own = iter(kept[name].to(device) for name in there)
            found.append(_filled(batch, own))
        return found


def _filled(batch: tuple[Any, Any], own: Iterator[Tensor]) -> Any:
    """A batch with other tensors, in the order of its own."""
    given = dict(zip(map(id, tensors(batch)), own, strict=True))
    return map_tensors(lambda tensor: given[id(tensor)], batch)


def keep(run: "TrainingRun", attempt: "Attempt") -> Path | str:
    """Keep a step that parameters did not follow, called on all ranks; its folder, or why there is none."""
    states = run.storage.state_dicts(run.groups.optimizer)
    if run.record.folder is None:
        return "It is not kept, as the run has no folder (Record)."
    place = run.record.folder / FOLDER / f"step_{attempt.step:08d}"
    if not run.ranks.first:
        return place
    after = draws.states(run.generator.device)
    rng = {f"rng.{name}": state for name, state in attempt.before.draws.items()}
    held = {
        f"batch {i}.{name}": tensor
        for i, batch in enumerate(attempt.batches)
        for name, tensor in named_tensors(batch)
    }
    about = {
        "step": attempt.step,
        "architectures": [dict(architecture) for architecture in attempt.architectures],
        "losses": [str(loss) for loss in attempt.losses.tolist()],
    }
    try:
        draws.restore(attempt.before.draws, run.generator.device)
        checkpoint.save(
            place.parent,
            step=attempt.step - 1,
            generator=run.generator,
            optimizer=run.groups.optimizer,
            states=states,
            parts=run.stateful(),
        )
        write_folder(place, {_BATCH: lambda write: write_tensors(write, held | rng)}, about)
    except (OSError, ValueError) as error:
        return f"It could not be kept: {error}"
    finally:
        draws.restore(after, run.generator.device)
    return place


def read(folder: Path, step: int | None = None) -> Trouble:
    """A step that is kept in the folder of a run.

    Args:
        step: None for the newest.

    Raises:
        FileNotFoundError: if it is not there.
        CheckpointError: if it was altered.
    """
    place = folder / FOLDER
    names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    steps = sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name)))
    if not steps or (step is not None and step not in steps):
        wanted = "" if step is None else f" of step {step}"
        there = f"there is that of steps {steps}" if steps else "there is none"
        raise FileNotFoundError(
            f"{folder} keeps no trouble{wanted}: {there}. A run keeps a step whose loss or gradient is no number."
        )
    step = steps[-1] if step is None else step
    kept = place / f"step_{step:08d}"
    before = {found.step: found for found in checkpoint.saved(place)}.get(step - 1)
    if before is None:
        raise FileNotFoundError(
            f"the state before step {step} is not kept in {place} any more: of several steps that were left out, "
            f"that of the newest two is."
        )
    try:
        manifest = read_manifest(kept)
        if manifest is None or manifest.about.get("step") != step or _BATCH not in manifest.parts:
            raise Altered(f"{kept} does not hold step {step}.")
        check_parts(kept, manifest)
        found = read_tensors(kept / _BATCH)
    except Altered as error:
        raise CheckpointError(str(error)) from None
    about = manifest.about
    return Trouble(step, about["architectures"], about["losses"], found, before)
