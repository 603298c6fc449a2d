"""One run of a study: a generator is trained, and its subnets are measured."""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypernas.data import Data
from hypernas.evaluation import evaluate
from hypernas.generators import Generator
from hypernas.objectives import Objective
from hypernas.sampling import Sampler
from hypernas.space.architecture import Architecture
from hypernas.studies.budget import step_flops
from hypernas.training import Diverged, Training, check_teacher
from hypernas.training.callbacks import Monitor, Subnets
from hypernas.training.optimizer import OptimizerMaker

_CHECKPOINTS = 3  # of a run, evenly spaced over its last half, at which subnets are ranked


@dataclass(frozen=True)
class Cell:
    """What one run of a study gave.

    Attributes:
        train_flops: of the whole run, generation included: see `step_flops`.
        stored: parameters of the generator.
        seconds: of training.
        diverged: the loss became infinite; then there are no rows.
        rows: subnet's label, architecture, params, macs, and `inherited` measures, norms
            calibrated, on the split that was asked for.
        trajectory: step, subnet's label and its measures on validation, at checkpoints of the last
            half of training.
    """

    train_flops: float
    stored: int
    seconds: float
    diverged: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    trajectory: list[dict[str, Any]] = field(default_factory=list)


def run_cell(
    generator: Generator,
    data: Data,
    subnets: Mapping[str, Architecture],
    *,
    training: Training,
    sampler: Sampler,
    objective: Objective,
    optimizer: OptimizerMaker,
    seed: int,
    split: str,
    device: str = "auto",
    calibration_batches: int = 8,
    follow: bool = False,
) -> Cell:
    """Train a generator, then measure subnets once on a split.

    Args:
        follow: rank the subnets during the last half of training too, on validation.

    Raises:
        ValueError: if subnets are to be distilled, and no step has a teacher.
    """
    check_teacher(objective, sampler, generator.space)
    every = max(1, training.steps // (2 * _CHECKPOINTS)) if follow else training.steps
    training = dataclasses.replace(training, num_validation=0, validate_every=every)
    trajectory = _Trajectory(data, subnets, objective, training, calibration_batches)
    started = time.perf_counter()
    diverged = False
    try:
        training.run(
            generator,
            data,
            sampler=sampler,
            objective=objective,
            optimizer=optimizer,
            monitors=[trajectory] if follow else [],
            device=device,
            seed=seed,
        )
    except Diverged:
        diverged = True
    seconds = time.perf_counter() - started - trajectory.seconds
    rows = [
        {
            "subnet": found.label,
            "architecture": found.architecture.to_json(),
            "params": found.num_parameters,
            "macs": found.flops // 2,
            "inherited": found.calibrated,
        }
        for found in evaluate(
            generator,
            data,
            {} if diverged else subnets,
            objective=objective,
            split=split,
            calibration_batches=calibration_batches,
        )
    ]
    a_step = step_flops(
        generator,
        data,
        sampler=sampler,
        objective=objective,
        batch_size=training.batch_size,
    )
    return Cell(
        train_flops=a_step * training.steps,
        stored=generator.describe().num_stored,
        seconds=seconds,
        diverged=diverged,
        rows=rows,
        trajectory=trajectory.rows,
    )


class _Trajectory(Monitor):
    """Measures subnets on validation in the last half of training."""

    def __init__(
        self,
        data: Data,
        subnets: Mapping[str, Architecture],
        objective: Objective,
        training: Training,
        calibration_batches: int,
    ) -> None:
        self.data, self.subnets, self.objective = data, subnets, objective
        self.steps, self.every = training.steps, training.validate_every
        self.calibration_batches = calibration_batches
        self.rows: list[dict[str, Any]] = []
        self.seconds = 0.0

    def begin(self, *, step: int, steps: int) -> None:
        """Nothing to see yet."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Single steps do not matter."""

    def validation(self, step: int, subnets: Subnets, generator: Generator) -> None:
        if 2 * step <= self.steps or self.steps - self.every < step < self.steps:
            return  # in the first half, or so near the last step that rankings could not differ
        started = time.perf_counter()
        for found in evaluate(
            generator,
            self.data,
            self.subnets,
            objective=self.objective,
            split="validation",
            calibration_batches=self.calibration_batches,
        ):
            self.rows.append({"step": step, "subnet": found.label, "value": found.calibrated})
        generator.train()
        self.seconds += time.perf_counter() - started

    def end(self, final: Mapping[str, float]) -> None:
        """Everything is kept."""
