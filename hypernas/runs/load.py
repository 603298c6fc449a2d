"""Runs that were trained: opened again from their folders."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypernas.border import checked
from hypernas.runs.assembly import Parts, assemble, without_start
from hypernas.runs.folder import checkpoints_of, read_settings
from hypernas.runs.phases import latest
from hypernas.runs.preparation import check_preparation
from hypernas.runs.settings import Settings
from hypernas.runs.trust import Trusted, check_trusted, trusted_names
from hypernas.training import checkpoint


@dataclass(frozen=True)
class Run(Parts):
    """A finished or stopped run: its parts, the generator as at the newest checkpoint.

    Attributes:
        folder: of the run; of a growth, that of the phase.
        settings: nested plain values, as they were when it was started.
        step: steps taken.
        figures: measures of the last validation before.
        trust: modules that its settings may import, beside hypernas and torch.
    """

    folder: Path = Path()
    settings: dict[str, Any] | None = None
    step: int = 0
    figures: dict[str, float] | None = None
    trust: tuple[str, ...] = ()


@checked
def load(folder: str | os.PathLike[str], *, trust: Trusted = None) -> Run:
    """Open a run: its data, search space, generator and objective, the newest checkpoint loaded.

    Of a growth, that of its last phase that has begun.

    Args:
        trust: modules of your own that the settings in the folder may import, such as "my_module"; of
            all others only the parts of hypernas and the layers and optimizers of torch are made.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
        Untrusted: if its settings name something else; nothing is imported then.
        ValueError: if the data are prepared otherwise than then, as by a vocabulary that was learned from another file.
        CheckpointError: if there is no checkpoint, or it does not fit.
    """
    place = latest(Path(folder))
    settings = read_settings(place)
    called = {key: node for key, node in settings.items() if key != "callbacks"}  # of training only
    check_trusted(called, trust, source=place)
    return replace(restored(place, settings), trust=tuple(trusted_names(trust)))


def restored(place: Path, settings: Settings) -> Run:
    """A run of settings that are trusted, from the newest checkpoint in its folder."""
    parts = assemble(without_start(settings))
    check_preparation(place, parts.data)
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
        settings=dict(settings),
        step=state.step,
        figures=state.figures,
    )


def opened(run: Run | str | os.PathLike[str]) -> Run:
    """A run, given as itself or by its folder, whose settings are not trusted then.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(run, Run):
        return run
    if not isinstance(run, str | os.PathLike):
        raise TypeError(
            f"a run is the folder of one, or what hypernas.load gives, got {type(run).__name__}. Of a generator "
            f"that was trained from Python, give hypernas.runs.load.Run(data, space, generator, objective)."
        )
    return load(run)
