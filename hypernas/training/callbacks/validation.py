"""Validation of some subnets while their generator trains."""

import math

from hypernas.events import Begun, Event, Stepped, Validated
from hypernas.sampling import sample_subnets
from hypernas.space.architecture import Architecture
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun
from hypernas.training.settings import check_ranges
from hypernas.training.validation import validate


class Validation(Callback):
    """Measures the smallest, the largest and some random subnets, and tells everybody of it.

    Their means are the figures that the run returns and checkpoints hold. Ranks divide the subnets.

    Args:
        every: steps between validations; one more follows the last step of a finished run.
        num_subnets: random ones beside the smallest and the largest, always the same.
        calibration_batches: training batches from which batch norms are calibrated for each.
    """

    on_every_rank = True
    turn = 1

    def __init__(
        self, *, every: int = 1000, num_subnets: int = 6, calibration_batches: int = 4
    ) -> None:
        check_ranges(
            "Validation",
            every=(every, (1, math.inf)),
            num_subnets=(num_subnets, (0, math.inf)),
            calibration_batches=(calibration_batches, (1, math.inf)),
        )
        self.every, self.num_subnets = every, num_subnets
        self.calibration_batches = calibration_batches
        self._subnets: dict[str, Architecture] = {}

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun():
                self._subnets = sample_subnets(run.generator.space, self.num_subnets, seed=0)
            case Stepped(step=step) if step % self.every == 0 or step == run.steps:
                self._validate(run)

    def _validate(self, run: TrainingRun) -> None:
        run.values()  # which refuses what is no number
        with run.averaged():
            found = validate(
                run.storage, run.task, self._subnets, run.batches, self.calibration_batches
            )
        event = Validated(run.step, run.steps, found)
        run.figures = event.means
        run.tell(event)
