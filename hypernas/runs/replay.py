"""Replays of steps that a run kept because their loss or gradient was no number."""

import os
from pathlib import Path

from hypernas.border import checked
from hypernas.runs.assembly import assemble, strategy_of, training_of, without_start
from hypernas.runs.folder import read_settings
from hypernas.runs.phases import latest
from hypernas.runs.preparation import check_preparation
from hypernas.runs.trust import Trusted, check_trusted
from hypernas.training import trouble
from hypernas.training.replay import Replay
from hypernas.training.replay import replay as taken_again


@checked
def replay(
    run: str | os.PathLike[str],
    *,
    step: int | None = None,
    trust: Trusted = None,
    device: str = "auto",
) -> Replay:
    """Take a step again that a run kept: by architecture, where it computed what is no number.

    The run and its checkpoints stay as they are. Losses are those of then to the last bit on the same machine.

    Args:
        run: its folder; of a growth, its last phase that has begun is looked at.
        step: None for the newest that is kept.
        trust: modules of your own that the run's settings may import: see `hypernas.load`.

    Raises:
        FileNotFoundError: if the folder is not that of a run, or keeps no such step.
        Untrusted: if its settings name something else; nothing is imported then.
        ValueError: if the data are prepared otherwise than then: see `hypernas.load`.
        CheckpointError: if what is kept was altered, or does not fit.
    """
    place = latest(Path(run))
    settings = read_settings(place)
    called = {key: node for key, node in settings.items() if key != "callbacks"}  # none is made
    check_trusted(called, trust, source=place)
    kept = trouble.read(place, step)
    parts = assemble(without_start(settings))
    check_preparation(place, parts.data)
    training = training_of(settings)
    begun = training.begin(parts.generator, parts.task, strategy_of(settings, parts), device=device)
    return taken_again(begun, kept)
