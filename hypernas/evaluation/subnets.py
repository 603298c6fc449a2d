"""Measures of subnets with the weights that a generator wrote."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.conditions import Condition
from hypernas.cost import flops, num_parameters
from hypernas.data import Data
from hypernas.evaluation.appraisal import Appraisal
from hypernas.generators import Generator
from hypernas.objectives import Objective, assess
from hypernas.space.architecture import Architecture
from hypernas.storage.files import write_new, write_whole
from hypernas.subnet.skeleton import build_skeleton
from hypernas.training.conditioned import ConditionedSubnet


@dataclass(frozen=True)
class Evaluation:
    """One subnet's cost and measures.

    Attributes:
        label: "smallest", "largest", "random_3", ...
        num_parameters: of the plain subnet.
        flops: of one example's forward pass, 2 for each multiply-add.
        inherited: measures with the generator's own norm statistics.
        calibrated: measures with statistics computed for this subnet from training batches. The
            two are the same for targets without batch norm.
    """

    label: str
    architecture: Architecture
    num_parameters: int
    flops: int
    inherited: dict[str, float]
    calibrated: dict[str, float]

    def row(self, *, alike: bool = False) -> dict[str, Any]:
        """Flat, for a table: MFLOPs, and the architecture as JSON.

        Args:
            alike: give each measure once, as inherited and calibrated ones do not differ.
        """
        both = {"inherited": self.inherited, "calibrated": self.calibrated}
        return {
            "subnet": self.label,
            "architecture": self.architecture.to_json(),
            "parameters": self.num_parameters,
            "mflops": self.flops / 1e6,
            **(self.calibrated if alike else {}),
            **{
                f"{kind}_{name}": value
                for kind, measures in both.items()
                for name, value in measures.items()
                if not alike
            },
        }


@checked
@torch.no_grad()
def evaluate(
    generator: Generator,
    data: Data,
    subnets: Mapping[str, Mapping[str, Any]],
    *,
    objective: Objective,
    split: str = "test",
    calibration_batches: int = 16,
    batch_size: int = 128,
    condition: Condition | None = None,
) -> Iterator[Evaluation]:
    """Measure subnets on a split, one by one; statistics are calibrated on training data.

    The generator is put into evaluation mode.

    Args:
        split: train, validation or test.
        calibration_batches: of `batch_size` training examples.
        condition: of each batch, where the generator reads one: weights are generated for each.
    """
    generator.eval()
    device = generator.device
    batches = data.calibration(calibration_batches, batch_size=batch_size, device=device)
    example = data.example(num=1)
    rest = None if condition is None else condition.rest
    example = example if rest is None else rest(example)
    chosen = {label: generator.space.architecture(values) for label, values in subnets.items()}
    for label, architecture in chosen.items():
        statistics, model = _models(generator, architecture, condition, batches)
        inherited = _measures(model(None), data, objective, split, device=device, rest=rest)
        calibrated = inherited
        if statistics:
            own = model(statistics)
            calibrated = _measures(own, data, objective, split, device=device, rest=rest)
        plain = build_skeleton(generator.space, architecture)
        yield Evaluation(
            label,
            architecture,
            num_parameters(plain),
            flops(plain, example),
            inherited,
            calibrated,
        )


def _measures(
    model: Callable[..., Any],
    data: Data,
    objective: Objective,
    split: str,
    *,
    device: torch.device,
    rest: Callable[[Any], Any] | None,
) -> dict[str, float]:
    """Means over the predictions of a split, and what is measured of the whole of it."""
    found = assess(model, data.in_order(split, device=device), objective, rest=rest)
    if isinstance(objective, Appraisal):
        found |= objective.appraise(model, data, split)
    return found


def _models(
    generator: Generator,
    architecture: Architecture,
    condition: Condition | None,
    batches: Sequence[Any],
) -> tuple[dict[str, Tensor], Callable[[Mapping[str, Tensor] | None], Callable[..., Any]]]:
    """Calibrated statistics, and: statistics, or None for inherited ones -> inputs -> outputs."""
    if condition is None:
        statistics = generator.calibrate(architecture, batches)
        return statistics, lambda kept: generator.export(architecture, statistics=kept)
    statistics = ConditionedSubnet(generator, architecture, condition).calibrate(batches)
    return statistics, lambda kept: ConditionedSubnet(
        generator, architecture, condition, statistics=kept
    )


@checked
def write_csv(
    path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]], *, overwrite: bool = True
) -> None:
    """Write rows of equal keys, whole or not at all.

    Raises:
        ValueError: if there are none.
        FileExistsError: if the file is there, and may not be written over.
    """
    if not rows:
        raise ValueError(f"there are no rows to write to {path}: expected one or more.")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write = write_whole if overwrite else write_new
    write(Path(path), text.getvalue())


@checked
def mean(evaluations: Iterable[Evaluation], measure: str) -> float:
    """The mean of a calibrated measure.

    Raises:
        ValueError: if there is no evaluation, or one lacks the measure.
    """
    found = list(evaluations)
    if not found or any(measure not in evaluation.calibrated for evaluation in found):
        known = sorted({name for evaluation in found for name in evaluation.calibrated})
        raise ValueError(
            f"expected one evaluation or more, each with the measure {measure!r}, got {len(found)} with "
            f"{known}."
        )
    values = [evaluation.calibrated[measure] for evaluation in found]
    return sum(values) / len(values)
