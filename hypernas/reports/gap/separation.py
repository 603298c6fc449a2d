"""Separation of architectures by a task, by stand-alone training alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import MEASURES, attainable_tau, noise, paired
from hypernas.reports import csv_file
from hypernas.reports.gap.estimates import METHOD, common
from hypernas.reports.gap.task import Task
from hypernas.reports.table import ABSENT, Cell, interval, number, word

FILE = "references.csv"
_PARSERS = {
    "task": csv_file.word,
    "subnet": csv_file.word,
    "params": csv_file.finite,
    "macs": csv_file.finite,
    "seed": csv_file.whole,
    "steps": csv_file.whole,
    "measure": csv_file.one_of(*MEASURES),
    "value": csv_file.finite,
}
_NAMES = (
    "subnets and seeds", "mean", "worst and best subnet", "noise over seeds",
    "spread over subnets", "reliability of the means (0 to 1)", "attainable τ",
    "gain of twice the steps",
)  # fmt: skip


def task_tables(tasks: Sequence[Task], path: Path | None) -> list[DataFrame]:
    """One column a task; from `references.csv` where there is one, else from the results.

    Raises:
        ValueError: if the file is broken.
    """
    rows = csv_file.read(path, _PARSERS) if path else None
    if path and rows is not None:
        csv_file.distinct(rows, ("task", "subnet", "seed", "steps"), path)
    columns = {"stand-alone training": [word(name) for name in _NAMES]}
    for task in tasks:
        own = rows[rows["task"] == task.name] if rows is not None else DataFrame()
        columns[f"{task.name} ({task.measure.unit})"] = _column(task, own)
    made = DataFrame(columns, dtype=object)
    made.attrs["caption"] = (
        "Does the task tell architectures apart? Stand-alone training only. Noise: standard deviation "
        "over seeds of one subnet. Spread: standard deviation over subnets, the noise taken out. "
        "Attainable τ: what a perfect predictor would reach against the means over seeds. Plateau: what "
        f"twice the steps bring, mean [{METHOD}]."
    )
    return [made]


def _column(task: Task, rows: DataFrame) -> list[Cell]:
    of, digits = task.measure, task.digits
    steps = rows["steps"].min() if len(rows) else 0
    there = common(_values(rows, steps) if len(rows) else task.standalone)
    if there is None:
        return [Cell(ABSENT)] * len(_NAMES)
    alone = there[0]
    means = alone.mean(0) * of.scale
    ends = sorted((means.min(), means.max()), reverse=of.lower_is_better)
    cells = [
        Cell(f"{alone.shape[1]} × {alone.shape[0]}"),
        number(means.mean(), digits),
        Cell(" to ".join(number(end, digits).text for end in ends)),
    ]
    if min(alone.shape) < 2:
        cells += [Cell(ABSENT)] * 4
    else:
        found = noise(alone)
        cells += [
            number(found.within * of.scale, digits),
            number(found.between * of.scale, digits),
            number(found.reliability(), 2),
            number(attainable_tau(alone), 2),
        ]
    return [*cells, _plateau(task, rows, steps)]


def _plateau(task: Task, rows: DataFrame, steps: int) -> Cell:
    if not len(rows) or not (rows["steps"] == 2 * steps).any():
        return Cell(ABSENT)
    there = common(_values(rows, steps), _values(rows, 2 * steps))
    if there is None:
        return Cell(ABSENT)
    once, twice = (task.measure.score(values) for values in there)
    gain = paired(twice, once, resample_seeds=False).beyond_seeds().times(task.measure.scale)
    cell = interval(gain.value, gain.low, gain.high, task.digits, signed=True)
    return Cell(
        f"{cell.text}, {once.shape[1]} subnets, {steps:,} → {2 * steps:,} steps", cell.value
    )


def _values(rows: DataFrame, steps: int) -> np.ndarray:
    """Shape (seeds, subnets) of all rows; nan where there is none of these steps."""
    found = rows[rows["steps"] == steps].pivot(index="seed", columns="subnet", values="value")
    seeds, subnets = sorted(rows["seed"].unique()), rows["subnet"].unique()
    return np.ascontiguousarray(found.reindex(index=seeds, columns=subnets))
