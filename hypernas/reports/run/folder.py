"""The folder of a run: its metrics, the tables beside them, and its generator if that can be had."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pandas import DataFrame, Series

from hypernas.generators import Generator
from hypernas.reports.run.gates import Gates, gates
from hypernas.runs.load import load
from hypernas.runs.trust import Trusted, Untrusted
from hypernas.storage.seal import Altered, unsealed
from hypernas.training.checkpoint import CheckpointError

METRICS = "metrics.jsonl"
_TIME = re.compile(r"[\d\-_:.T]+")  # a folder that is named by when it was made


@dataclass(frozen=True)
class Run:
    """Files that a run left, read.

    Attributes:
        training: a row for each report of training, with `step`, `loss` and other figures.
        validation: a row for each validated subnet, with `step`, `subnet`, `architecture` and measures.
        gates: the coefficients of the generator for many architectures; None if there is no checkpoint.
        lacks: why there is none.
    """

    folder: Path
    training: DataFrame
    validation: DataFrame
    gates: Gates | None = None
    lacks: str = ""

    @cached_property
    def measures(self) -> list[str]:
        """The columns of what validation measures."""
        return [c for c in self.validation.columns if c not in ("step", "subnet", "architecture")]

    def by_step(self, measure: str) -> DataFrame:
        """The mean, the lowest and the highest of the validated subnets, and their count, by step."""
        return self.validation.groupby("step")[measure].agg(["mean", "min", "max", "count"])

    def final(self, measure: str) -> Series | None:
        """The figures of the last step, if the run has that measure."""
        return self.by_step(measure).iloc[-1] if measure in self.measures else None

    def tables(self, pattern: str) -> list[Path]:
        """Tables that commands wrote beside the metrics: of subnets, by their architecture."""
        return [
            path
            for path in sorted(self.folder.glob(pattern))
            if "architecture" in path.read_text(encoding="utf-8").partition("\n")[0].split(",")
        ]


def is_run(folder: Path) -> bool:
    """Tell the folder of a run by its metrics."""
    return (folder / METRICS).is_file()


def read_run(folder: Path, *, trust: Trusted = None) -> Run:
    """A run: its metrics, and the gates of its generator if it has a checkpoint.

    Args:
        trust: see `hypernas.load`; without it there are no gates of what would import something else.

    Raises:
        ValueError: naming the line that is no record of a step.
    """
    path = folder / METRICS
    lines = path.read_bytes().splitlines(keepends=True)
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = unsealed(json.loads(line), path)
            int(record["step"])
        except (ValueError, KeyError, TypeError) as error:
            if not line.endswith(b"\n"):  # a run that is being written, or was killed
                continue
            why = f" ({error})" if isinstance(error, Altered) else ""
            raise ValueError(
                f"{path} is broken, line {number}: expected a JSON object with a step, got "
                f"{line.decode(errors='replace').rstrip()!r}{why}."
            ) from None
        records.append(record)
    if not any("loss" in record for record in records):
        raise ValueError(
            f"{path} holds no figures yet: expected a line for every report of the run."
        )
    training = DataFrame([record for record in records if "subnet" not in record])
    validation = DataFrame([record for record in records if "subnet" in record])
    try:
        found, lacks = _gates_of(folder, trust), ""
    except (CheckpointError, FileNotFoundError, Untrusted) as error:
        found, lacks = None, str(error)
    return Run(folder, training, validation, found, lacks)


def _gates_of(folder: Path, trust: Trusted) -> Gates:
    opened = load(folder, trust=trust)
    generator: Generator = opened.generator
    return gates(generator, opened.data.example(num=1))


def labels(folders: Sequence[Path]) -> list[str]:
    """A name for each run: of its folder, and of those around it until all differ and have words.

    When a run was made is left out where several can be told apart without.
    """
    for depth in range(1, 5):
        parts = [folder.resolve().parts[-depth:] for folder in folders]
        if any(_TIME.fullmatch(each[0]) for each in parts):
            continue
        worded = ["/".join(part for part in each if not _TIME.fullmatch(part)) for each in parts]
        names = worded if len(folders) > 1 else ["/".join(each) for each in parts]
        for candidates in (names, ["/".join(each) for each in parts]):
            if len(set(candidates)) == len(folders):
                return candidates
    return [str(folder) for folder in folders]
