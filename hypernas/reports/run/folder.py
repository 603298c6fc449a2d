"""The folder of a run: its metrics, and its generator if that can be had."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hypernas.generators import Generator
from hypernas.reports.run.gates import Gates, gates

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Run:
    """What a run left.

    Attributes:
        training: lines with `step`, `loss` and other figures, in order.
        validation: lines with `step`, `subnet`, `architecture` and measures, in order.
        generator: as trained; None if there is no checkpoint yet.
        inputs: an example's inputs, shape (1, ...), by which FLOPs are counted.
    """

    name: str
    folder: Path
    training: tuple[Mapping[str, Any], ...]
    validation: tuple[Mapping[str, Any], ...]
    generator: Generator | None = None
    inputs: Any = None

    @cached_property
    def gates(self) -> Gates | None:
        """The coefficients of the generator for many architectures."""
        return None if self.generator is None else gates(self.generator, self.inputs)

    def measures(self) -> list[str]:
        """What validation measures."""
        known = {"step", "subnet", "architecture"}
        return [key for key in (self.validation[0] if self.validation else {}) if key not in known]

    def by_step(self, measure: str) -> dict[int, list[float]]:
        """Step -> a measure of each validated subnet."""
        found: dict[int, list[float]] = {}
        for line in self.validation:
            found.setdefault(line["step"], []).append(line[measure])
        return found


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / METRICS).is_file()


def read_run(folder: Path) -> Run:
    """The metrics of a run's folder; whoever can open it adds its generator.

    Raises:
        ValueError: naming the line that is no record of a step.
    """
    path = folder / METRICS
    lines = path.read_text(encoding="utf-8").splitlines()
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            record["step"] + 0
        except (json.JSONDecodeError, KeyError, TypeError):
            if number == len(lines):  # a run that is being written, or was killed
                continue
            raise ValueError(
                f"{path} is broken, line {number}: expected a JSON object with a step, got {line!r}."
            ) from None
        records.append(record)
    if not records:
        raise ValueError(
            f"{path} holds no figures yet: expected a line for every report of the run."
        )
    training = tuple(record for record in records if "subnet" not in record)
    validation = tuple(record for record in records if "subnet" in record)
    return Run(folder.resolve().name, folder, training, validation)


def labels(runs: Sequence[Run]) -> list[str]:
    """A name for each run: of its folder, and of those around it until all differ."""
    for depth in range(1, 5):
        names = ["/".join(run.folder.resolve().parts[-depth:]) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [str(run.folder) for run in runs]
