"""Fine-tuning of a run's subnet, as a plain module."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypernas.border import checked
from hypernas.distributed.device import pick_device
from hypernas.evaluation import Recipe
from hypernas.evaluation.inheritance import Inheritance, inheritance
from hypernas.exports import Export, export_file
from hypernas.runs.evaluate import Described, described, recipe_of
from hypernas.runs.load import Run, opened


@dataclass(frozen=True, kw_only=True)
class Course:
    """The length and the rates of fine-tuning, and of the stand-alone training beside it.

    Attributes:
        steps: of each.
        lr: learning rate of fine-tuning, and of training alone; None for the run's.
        seeds: with which each is done.
        calibration_batches: training batches for the statistics of batch norms.
    """

    steps: int = 500
    lr: float | None = None
    lr_alone: float | None = None
    seeds: Sequence[int] = (0, 1, 2)
    calibration_batches: int = 16

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"seeds must be a list of one seed or more, each once, got {list(self.seeds)}."
            )


@checked
def finetune(
    run: Run | str | os.PathLike[str],
    architecture: Described,
    *,
    course: Course | None = None,
    device: str = "auto",
    track: Callable[[Sequence[Any]], Any] = iter,
) -> Inheritance:
    """Train a subnet of a run on from its inherited weights, and the same module alone for equal FLOPs.

    Args:
        run: or its folder.
        architecture: choices, "largest", "smallest", JSON, or a front's point, as FRONT.json:best.
        course: length, rates and seeds.
        track: passes the trainings through, and may show progress.

    Raises:
        ValueError: if the generator reads a condition, or there is no such architecture.
    """
    run, course = opened(run), course or Course()

    def recipe(lr: float | None) -> Recipe:
        own = recipe_of(run, lr=lr, calibration_batches=course.calibration_batches)
        training = dataclasses.replace(own.training, steps=course.steps)
        return dataclasses.replace(own, training=training)

    return inheritance(
        run.generator.to(pick_device(device)),
        run.data,
        recipe(course.lr),
        described(run, architecture),
        alone=recipe(course.lr_alone),
        seeds=course.seeds,
        device=device,
        track=track,
    )


def export_finetuned(
    run: Run, found: Inheritance, out: str | os.PathLike[str], *, calibration_batches: int = 16
) -> Export:
    """Write the fine-tuned subnet of the first seed: see `hypernas.exports.export_file`."""
    network = found.networks[0]
    batches = run.data.calibration(calibration_batches, device=network.device)
    return export_file(
        network,
        found.architecture,
        out,
        inputs=run.data.example("validation", num=8),
        statistics=network.calibrate(found.architecture, batches),
    )
