"""Training by settings, in a folder that holds all of the run."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hypernas.border import checked
from hypernas.data import Data
from hypernas.distributed import ProcessGroup
from hypernas.distributed.device import use_threads
from hypernas.events import Begun, Event
from hypernas.runs.assembly import assemble, callbacks_of, strategy_of, training_of, without_start
from hypernas.runs.console import next_steps
from hypernas.runs.folder import check_resumed, checkpoints_of, write_settings
from hypernas.runs.load import Run
from hypernas.runs.preparation import check_preparation, write_preparation
from hypernas.runs.settings import (
    OF_A_MACHINE,
    Settings,
    check_there,
    check_whole,
    flat,
    resolved,
)
from hypernas.storage.lock import held
from hypernas.training import Record, TrainingRun, checkpoint, train_steps
from hypernas.training.checkpoint import Checkpoint

_KEYS = (
    *("data", "space", "generator", "sampling", "objective", "optimizer", "schedule"),
    *("training", "callbacks", "seed"),
)
Tell = Callable[[str], None]


def silent(text: str) -> None:
    """Tell nobody."""


@checked
def train(
    settings: Settings,
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    fallback: bool = False,
    overrides: Sequence[str] = (),
    ranks: ProcessGroup | None = None,
    tell: Tell = silent,
) -> Run:
    """Train the generator of settings in a folder, or go on with what is there.

    Args:
        settings: nested plain values, with the keys that `hypernas train --cfg job` prints.
        folder: of the run: its settings, checkpoints, figures and curves.
        resume: go on from the newest checkpoint, or begin where none was saved yet. The settings must be
            those of the run.
        fallback: where the newest checkpoint is torn or altered, go on from the newest that is whole.
        overrides: of a command line, to be kept; those that a resumed run did not have may change
            its settings.
        ranks: the processes that train together; None is this one.
        tell: is given what there is to say at the beginning.

    Raises:
        FileExistsError: if the folder holds a run, and that is not to be gone on with; or if another
            process works there.
        ValueError: if settings are wrong, or are not those of the run.
        Diverged, Interrupted, RankLost, CheckpointError: see `hypernas.training.Training.run`.
    """
    settings, folder, ranks = resolved(settings), Path(folder), ranks or ProcessGroup()
    check_there(settings, *_KEYS)
    with held(folder if ranks.first else None):
        return _train(settings, folder, resume, fallback, overrides, ranks, tell)


def _train(
    settings: dict[str, Any],
    folder: Path,
    resume: bool,
    fallback: bool,
    overrides: Sequence[str],
    ranks: ProcessGroup,
    tell: Tell,
) -> Run:
    """Train as `train` does, in a folder that is held."""
    checkpoints = checkpoints_of(folder, settings)
    begun = bool(checkpoint.saved(checkpoints))
    if begun and not resume:
        raise FileExistsError(
            next_steps(
                "{folder} already holds a run: go on with it by resume={quoted}, or choose another "
                "folder by hydra.run.dir=FOLDER.",
                folder,
            )
        )
    if resume:
        check_resumed(settings, folder, overrides)
    use_threads(settings.get("threads"))
    check_whole(settings, seed=0)
    parts = assemble(without_start(settings) if begun else settings)
    if begun:
        check_preparation(folder, parts.data)
    told = {key: value for key, value in flat(settings).items() if key not in OF_A_MACHINE}
    ranks.check_alike(parts.generator, told)
    training, strategy = training_of(settings), strategy_of(settings, parts)
    callbacks = callbacks_of(settings)
    kinds = parts.condition.kinds if parts.condition else ()
    tell(
        f"{parts.data.name}, a space of {parts.space.size:,} architectures\n"
        f"{parts.generator.describe(condition=kinds)}"
    )
    run = training.begin(
        parts.generator,
        parts.task,
        strategy,
        callbacks=[partial(_keep, folder, settings, overrides, parts.data), *callbacks],
        record=Record(folder, flat(settings)),
        resume=chosen(checkpoints, fallback, tell) if resume else None,
        device=settings.get("device", "auto"),
        ranks=ranks,
    )
    if run.step >= training.steps:
        tell(
            f"nothing to do: {folder} has taken {run.step} steps, training.steps is "
            f"{training.steps}."
        )
    for _ in train_steps(run):
        pass  # callbacks see the events
    return Run(
        **vars(parts), folder=folder, settings=settings, step=run.step, figures=dict(run.figures)
    )


def chosen(folder: Path, fallback: bool, tell: Tell) -> Checkpoint | None:
    """The checkpoint to go on from; None where none was saved yet.

    Args:
        folder: of the checkpoints.
        fallback: pass over those that are torn or altered.

    Raises:
        CheckpointError: if that leaves none.
    """
    if not checkpoint.saved(folder):
        tell(f"there is no checkpoint in {folder} yet: beginning")
        return None
    found = checkpoint.newest(folder, fallback=fallback)
    if found.step != (newest := checkpoint.newest(folder)).step:
        tell(f"going on from step {found.step}, as {newest.folder} was altered")
    return found


def _keep(
    folder: Path,
    settings: Settings,
    overrides: Sequence[str],
    data: Data,
    run: TrainingRun,
    event: Event,
) -> None:
    """A callback that writes the settings once nothing stands in the way any more."""
    if isinstance(event, Begun):
        write_preparation(folder, data)
        write_settings(folder, settings, overrides)
