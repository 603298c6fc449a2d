"""Checkpoints of a run."""

import math
import os

from hypernas.events import Begun, Event, Stepped
from hypernas.training import checkpoint
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun
from hypernas.training.settings import check_ranges


class Checkpoints(Callback):
    """Saves the run after some steps, and after the last one, be it stopped; the newest two are kept.

    A step whose figures are no numbers any more is not saved. To go on from the newest, give the
    folder as `resume`; a new run is not begun in a folder that has some.

    Args:
        folder: of the checkpoints, in that of the run.
        every: steps between them.
    """

    on_every_rank = True
    turn = 2

    def __init__(
        self, folder: str | os.PathLike[str] = "checkpoints", *, every: int = 1000
    ) -> None:
        check_ranges("Checkpoints", every=(every, (1, math.inf)))
        self.folder, self.every = folder, every

    def __call__(self, run: TrainingRun, event: Event) -> None:
        if isinstance(event, Begun) and event.step == 0:
            self._check_new(run)
        if not isinstance(event, Stepped) or not (event.last or event.step % self.every == 0):
            return
        run.values()  # which refuses what is no number
        states = run.storage.state_dicts(run.groups.optimizer)
        if run.ranks.first:
            checkpoint.save(
                run.path(self.folder),
                step=event.step,
                generator=run.generator,
                optimizer=run.groups.optimizer,
                figures=run.figures,
                states=states,
                parts=run.stateful(),
            )

    def _check_new(self, run: TrainingRun) -> None:
        """Refuse to begin anew where another run left off.

        Raises:
            FileExistsError: naming the checkpoints that are there.
        """
        folder = run.path(self.folder)
        there = checkpoint.saved(folder)
        if there and there[-1].step:  # step 0 is what a growth begins with
            raise FileExistsError(
                f"{folder} holds checkpoints of another run, up to step {there[-1].step}: go on with it by "
                f"resume={str(folder)!r}, or give another folder (Record, or Checkpoints(folder=...))."
            )
