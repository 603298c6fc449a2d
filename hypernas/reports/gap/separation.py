"""Whether a task tells architectures apart, by stand-alone training alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hypernas.evaluation import Estimate, attainable_tau, noise, paired
from hypernas.reports import csv_file
from hypernas.reports.gap.analysis import common, measure
from hypernas.reports.gap.results import Task
from hypernas.reports.gap.tables import digits_of, estimated
from hypernas.reports.table import ABSENT, Cell, Table, number, word

FILE = "references.csv"
_COLUMNS = {
    "task": csv_file.word,
    "subnet": csv_file.word,
    "params": csv_file.finite,
    "macs": csv_file.finite,
    "seed": csv_file.whole,
    "steps": csv_file.whole,
    "measure": csv_file.one_of("accuracy", "cross_entropy"),
    "value": csv_file.finite,
}


def task_table(tasks: Sequence[Task], path: Path | None) -> Table:
    """One column a task; from `references.csv` where there is one, else from the results.

    Raises:
        ValueError: if the file is broken.
    """
    rows = csv_file.read(path, _COLUMNS) if path else []
    if path:
        csv_file.distinct(rows, ("task", "subnet", "seed", "steps"), path)
    columns = [_column(task, [row for row in rows if row["task"] == task.name]) for task in tasks]
    lines = tuple((word(name), *(column[name] for column in columns)) for name in columns[0])
    caption = (
        "Does the task tell architectures apart? Stand-alone training only. Noise: standard deviation "
        "over seeds of one subnet. Spread: standard deviation over subnets, the noise taken out. "
        "Attainable τ: what a perfect predictor would reach against the means over seeds. Plateau: what "
        "twice the steps bring, mean [95 % interval over seeds and subnets]."
    )
    heads = tuple(f"{task.name} ({measure(task).unit})" for task in tasks)
    return Table(("stand-alone training", *heads), lines, caption)


def _column(task: Task, rows: Sequence[dict[str, Any]]) -> dict[str, Cell]:
    of, digits = measure(task), digits_of(task)
    steps = min((row["steps"] for row in rows), default=0)
    values = _values(rows, steps) if rows else task.standalone
    there = common(values)
    names = ("subnets and seeds", "mean", "worst and best subnet", "noise over seeds",
             "spread over subnets", "reliability of the means (0 to 1)", "attainable τ",
             "gain of twice the steps")  # fmt: skip
    if there is None:
        return dict.fromkeys(names, Cell(ABSENT))
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
    return dict(zip(names, [*cells, _plateau(task, rows, steps)], strict=True))


def _plateau(task: Task, rows: Sequence[dict[str, Any]], steps: int) -> Cell:
    if not any(row["steps"] == 2 * steps for row in rows):
        return Cell(ABSENT)
    there = common(_values(rows, steps), _values(rows, 2 * steps))
    if there is None:
        return Cell(ABSENT)
    once, twice = (measure(task).score(values) for values in there)
    gain: Estimate = paired(twice, once).times(measure(task).scale)
    cell = estimated(gain, digits_of(task))
    return Cell(
        f"{cell.text}, {once.shape[1]} subnets, {steps:,} → {2 * steps:,} steps", cell.value
    )


def _values(rows: Sequence[dict[str, Any]], steps: int) -> np.ndarray:
    """Shape (seeds, subnets) of all rows; nan where there is none of these steps."""
    seeds = sorted({row["seed"] for row in rows})
    subnets = list(dict.fromkeys(row["subnet"] for row in rows))
    values = np.full((len(seeds), len(subnets)), np.nan)
    for row in rows:
        if row["steps"] == steps:
            values[seeds.index(row["seed"]), subnets.index(row["subnet"])] = row["value"]
    return values
