"""The folder of a run's checkpoints: which there are, which are whole, and which are kept."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypernas.storage.files import read_bounded
from hypernas.storage.manifest import (
    MANIFEST,
    Manifest,
    check_parts,
    read_manifest,
    remove_drafts,
    remove_folder,
)
from hypernas.storage.seal import Altered
from hypernas.training.state import CheckpointError

_KEPT = 2  # the newest, and one before it
FORMAT = 4  # format 1 had no "parts"; for 2 see `upgraded`; those up to 3 had no manifest
UNSEALED = (1, 2, 3)
RECORD, TENSORS = "state.json", "state.safetensors"
_NAME = re.compile(r"[0-9]{8,}")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` steps."""

    folder: Path
    step: int


def tidy(folder: Path, step: int) -> None:
    """Set checkpoints of later steps aside, drop all but the newest, and what killed processes left."""
    remove_drafts(folder)
    for later in (found for found in saved(folder) if found.step > step):
        aside = later.folder.with_name(f"{later.folder.name}.aside")
        number = 1
        while aside.exists():
            number += 1
            aside = aside.with_name(f"{later.folder.name}.aside{number}")
        later.folder.rename(aside)
    for old in saved(folder)[:-_KEPT]:
        if {path.name for path in old.folder.iterdir()} <= _own_files(old):
            remove_folder(old.folder)


def _own_files(checkpoint: Checkpoint) -> set[str]:
    """The names of the files that `save` wrote into a checkpoint; none where that is not certain."""
    try:
        manifest = read_manifest(checkpoint.folder)
    except Altered:
        return set()
    if manifest is not None:
        own = manifest.about.get("step") == checkpoint.step
        return {MANIFEST, *manifest.parts} if own else set()
    try:
        record = _record(checkpoint)
    except Altered:
        return set()
    return {RECORD, TENSORS} if record["format"] in UNSEALED else set()


def manifest_of(checkpoint: Checkpoint) -> Manifest:
    """The manifest of a checkpoint: what it is of, and the checksums of its files.

    Raises:
        CheckpointError: if it has none, as those of earlier versions, or it was altered.
    """
    try:
        found = read_manifest(checkpoint.folder)
    except Altered as error:
        raise CheckpointError(str(error)) from None
    if found is None:
        raise CheckpointError(f"{checkpoint.folder / MANIFEST} is not there.")
    return found


def saved(folder: str | os.PathLike[str]) -> list[Checkpoint]:
    """All checkpoints in a folder by step, be they whole or not."""
    place = Path(folder)
    names = [path.name for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    found = [Checkpoint(place / n, int(n)) for n in names if _NAME.fullmatch(n)]
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def newest(folder: str | os.PathLike[str], *, fallback: bool = False) -> Checkpoint:
    """The checkpoint of most steps in a folder.

    Args:
        fallback: take the newest that is whole, where that of most steps is torn or altered.

    Raises:
        CheckpointError: if there is none.
    """
    if not fallback:
        return last(folder, 1)[0]
    faults = []
    for candidate in reversed(saved(folder)):
        try:
            whole_record(candidate)
        except Altered as error:
            faults.append(str(error))
        else:
            return candidate
    if not faults:
        return last(folder, 1)[0]
    told = "\n".join(faults)
    raise CheckpointError(
        f"no checkpoint in {folder} is whole:\n{told}\nMove that folder away to begin anew."
    )


def last(folder: str | os.PathLike[str], num: int) -> list[Checkpoint]:
    """The last `num` checkpoints in a folder, the newest first.

    Raises:
        CheckpointError: if there are not as many.
    """
    found = saved(folder)
    if not found:
        raise CheckpointError(
            f"there is no checkpoint in {folder}: give the folder of a run that has saved one."
        )
    if len(found) < num:
        raise CheckpointError(
            f"expected {num} checkpoints in {folder}, which has {len(found)}: ask for as many. A run keeps "
            f"the newest {_KEPT}."
        )
    return found[: -num - 1 : -1]


def whole_record(checkpoint: Checkpoint) -> dict[str, Any]:
    """The record of a checkpoint all of whose files are what was written.

    Raises:
        Altered: saying what is not.
        CheckpointError: if it is of a later version.
    """
    folder = checkpoint.folder
    manifest = read_manifest(folder)
    if manifest is not None:
        check_parts(folder, manifest)
    record = _record(checkpoint)
    form, step = record["format"], record["step"]
    if form not in (*UNSEALED, FORMAT):
        raise CheckpointError(
            f"{folder} has the format {form!r}, expected {FORMAT} or less: "
            f"open it with the version of hypernas that wrote it, or a newer one."
        )
    if manifest is None and form not in UNSEALED:
        raise Altered(f"{folder / MANIFEST} is not there.")
    if step != checkpoint.step or (manifest and manifest.about.get("step") != step):
        raise Altered(f"{folder} holds step {step}, expected that of its name.")
    return record


def _record(checkpoint: Checkpoint) -> dict[str, Any]:
    """All of a checkpoint but its tensors.

    Raises:
        Altered: if it cannot be read, or lacks something.
    """
    path = checkpoint.folder / RECORD
    try:
        record = json.loads(read_bounded(path))
    except FileNotFoundError:
        raise Altered(f"{path} is not there.") from None
    except (ValueError, RecursionError) as error:
        raise Altered(f"{path} cannot be read as JSON: {error}.") from None
    kinds = {"format": int, "step": int, "space": dict, "optimizer": dict, "figures": dict}
    fits = isinstance(record, dict) and all(
        isinstance(record.get(name), kind) for name, kind in kinds.items()
    )
    if not fits:
        raise Altered(f"{path} does not hold the state of a run, which has {list(kinds)}.")
    return record


def offer(checkpoint: Checkpoint) -> str:
    """A sentence on the newest whole checkpoint before a damaged one."""
    for other in reversed(saved(checkpoint.folder.parent)):
        if other.step < checkpoint.step:
            try:
                whole_record(other)
            except ValueError:
                continue
            return (
                f"\nThe newest whole checkpoint is that of step {other.step}: go on from it by "
                f"resume=RUN fallback=true, or move {checkpoint.folder} away."
            )
    return "\nThere is no whole checkpoint before it."
