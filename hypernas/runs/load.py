"""Runs that were trained: opened again from their folders."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypernas.runs.assembly import Parts, assemble, without_start
from hypernas.runs.folder import checkpoints_of, read_settings
from hypernas.runs.phases import latest
from hypernas.training import checkpoint


@dataclass(frozen=True)
class Run(Parts):
    """A finished or stopped run: its parts, the generator as at the newest checkpoint.

    Attributes:
        folder: of the run; of a growth, that of the phase.
        settings: nested plain values, as they were when it was started.
        step: steps taken.
        figures: measures of the last validation before.
    """

    folder: Path = Path()
    settings: dict[str, Any] | None = None
    step: int = 0
    figures: dict[str, float] | None = None


def load(folder: str | os.PathLike[str]) -> Run:
    """Open a run: its data, search space, generator and objective, the newest checkpoint loaded.

    Of a growth, that of its last phase that has begun.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
        CheckpointError: if there is no checkpoint, or it does not fit.
    """
    place = latest(Path(folder))
    settings = read_settings(place)
    parts = assemble(without_start(settings))
    state = checkpoint.load(
        checkpoint.newest(checkpoints_of(place, settings)), generator=parts.generator
    )
    return Run(
        parts.data,
        parts.space,
        parts.generator,
        parts.objective,
        parts.condition,
        folder=place,
        settings=settings,
        step=state.step,
        figures=state.figures,
    )


def opened(run: Run | str | os.PathLike[str]) -> Run:
    """A run, given as itself or by its folder."""
    return run if isinstance(run, Run) else load(run)
