"""One run of a study: a generator is trained, and its subnets are measured."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypernas.evaluation import Evaluation, evaluate
from hypernas.evaluation.budget import training_overhead
from hypernas.events import Event, Stepped
from hypernas.generators import Generator
from hypernas.space.architecture import Architecture
from hypernas.training import (
    Callback,
    Diverged,
    Strategy,
    Task,
    Training,
    TrainingRun,
    check_teacher,
)

_CALIBRATION_BATCHES = 8
_CHECKPOINTS = 3  # of a run, evenly spaced over its last half, at which subnets are ranked


@dataclass(frozen=True)
class Cell:
    """Results of one run of a study.

    Attributes:
        overhead: FLOPs of training for each one of the plain subnets' forward passes: see `training_overhead`.
        stored: parameters of the generator.
        seconds: of training.
        diverged: the loss became infinite; then there are no rows.
        rows: subnet's label, architecture, params, macs, and `inherited` measures, norms
            calibrated, on the split that was asked for.
        trajectory: step, subnet's label and its measures on validation, at checkpoints of the last
            half of training.
    """

    overhead: float
    stored: int
    seconds: float
    diverged: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    trajectory: list[dict[str, Any]] = field(default_factory=list)


def run_cell(
    generator: Generator,
    task: Task,
    subnets: Mapping[str, Architecture],
    *,
    training: Training,
    strategy: Strategy,
    split: str,
    device: str = "auto",
    follow: bool = False,
) -> Cell:
    """Train a generator, then measure subnets once on a split.

    Args:
        follow: rank the subnets during the last half of training too, on validation.

    Raises:
        ValueError: if subnets are to be distilled, and no step has a teacher.
    """
    check_teacher(task.objective, strategy.sampler, generator.space)
    trajectory = _Trajectory(subnets)
    started = time.perf_counter()
    diverged = False
    try:
        followed = [trajectory] if follow else []
        training.run(generator, task, strategy, callbacks=followed, device=device)
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
        for found in _measured(generator, task, {} if diverged else subnets, split)
    ]
    overhead = training_overhead(
        generator,
        task.data,
        sampler=strategy.sampler,
        objective=task.objective,
        batch_size=training.batch_size * training.accumulate,
    )
    return Cell(
        overhead=overhead,
        stored=generator.describe().num_stored,
        seconds=seconds,
        diverged=diverged,
        rows=rows,
        trajectory=trajectory.rows,
    )


def _measured(
    generator: Generator, task: Task, subnets: Mapping[str, Architecture], split: str
) -> Iterator[Evaluation]:
    return evaluate(
        generator,
        task.data,
        subnets,
        objective=task.objective,
        split=split,
        calibration_batches=_CALIBRATION_BATCHES,
        condition=task.condition,
    )


class _Trajectory(Callback):
    """Measures subnets on validation in the last half of training."""

    def __init__(self, subnets: Mapping[str, Architecture]) -> None:
        self.subnets = subnets
        self.rows: list[dict[str, Any]] = []
        self.seconds = 0.0

    def __call__(self, run: TrainingRun, event: Event) -> None:
        if not isinstance(event, Stepped) or not _followed(event.step, event.steps):
            return
        started = time.perf_counter()
        for found in _measured(run.generator, run.task, self.subnets, "validation"):
            self.rows.append({"step": event.step, "subnet": found.label, "value": found.calibrated})
        run.generator.train()
        self.seconds += time.perf_counter() - started


def _followed(step: int, steps: int) -> bool:
    """Are subnets ranked after a step? Every so often in the last half, and at its end.

    Not so near the end, though, that rankings could not differ from those there.
    """
    every = max(1, steps // (2 * _CHECKPOINTS))
    return step == steps or (step % every == 0 and 2 * step > steps and step <= steps - every)
