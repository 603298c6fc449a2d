"""A judge of a small generator, made the same in any process."""

from training_runs import blobs, space

from hypernas import generators
from hypernas.objectives import CrossEntropy
from hypernas.search.judge import Judge
from hypernas.training import Task


def task() -> Task:
    return Task(blobs(), CrossEntropy())


def judge(halving: float | None = None) -> Judge:
    return Judge(
        [generators.hypernas(space())],
        task(),
        calibration_batches=3,
        batch_size=32,
        halving=halving,
    )
