"""Agreement of the last checkpoints of a run on the order of subnets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import stability
from hypernas.reports import csv_file
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.table import ABSENT, Cell, figure, number, table, word

FILE = "stability.csv"
_PARSERS = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "budget": csv_file.finite,
    "step": csv_file.whole,
    "subnet": csv_file.word,
    "value": csv_file.finite,
}


def stability_tables(task: Task, path: Path | None) -> list[DataFrame]:
    """S-tau of each arm at its largest budget, of single evaluations and of means of the last few.

    Raises:
        ValueError: if the file is broken or not there, a run lacks subnets at some of its steps, or
            runs were evaluated unequally often.
    """
    if path is None:
        raise Missing(f"there is no {FILE} beside results.csv")
    rows = csv_file.read(path, _PARSERS)
    csv_file.distinct(rows, ("task", "arm", "seed", "budget", "step", "subnet"), path)
    rows = rows[rows["task"] == task.name]
    rows = rows[rows["budget"] == rows.groupby("arm")["budget"].transform("max")]
    runs: dict[str, list[np.ndarray]] = {}  # arm -> for each seed, shape (evaluations, subnets)
    for (arm, seed), some in rows.groupby(["arm", "seed"]):
        values = some.pivot(index="step", columns="subnet", values="value")
        if (lacking := values.isna().any(axis=1)).any():
            raise ValueError(
                f"{path}: arm {arm}, seed {seed}: expected the same subnets at every step, got "
                f"fewer at step {lacking.idxmax()} than at others."
            )
        runs.setdefault(str(arm), []).append(values.to_numpy())
    nums = {arm: sorted({len(values) for values in some}) for arm, some in runs.items()}
    if len({num for found in nums.values() for num in found}) > 1:
        raise ValueError(
            f"{path}: evaluations of a run are as many in all arms, or S-tau cannot be compared; "
            f"got {nums}."
        )
    num = next((found[0] for found in nums.values()), 0)
    width = max(2, num // 2)
    heads = {1: "S-tau, single evaluations", width: f"S-tau, means of {width}"}
    lines = [
        {
            "arm": word(arm, code=True),
            **{head: _spread(runs[arm], average) for average, head in heads.items()},
            "seeds": number(len(runs[arm]), 0),
        }
        for arm in task.arms
        if arm in runs
    ]
    caption = (
        f"Kendall τ-b between the rankings of the same subnets on validation at successive "
        f"ones of the last {num} evaluations of a run (S-tau), at the arm's largest budget: by one "
        f"evaluation, and by the mean of the last {width} (which overlap, so compare within a column). "
        f"Mean ± standard deviation over seeds."
    )
    return [table(lines, caption)]


def _spread(runs: Sequence[np.ndarray], average: int) -> Cell:
    if any(len(values) <= average for values in runs):
        return Cell(ABSENT)
    found = [stability(values, average=average) for values in runs]
    cell = number(float(np.mean(found)))
    if cell.value is None or len(found) < 2:
        return cell
    return Cell(f"{cell.text} ± {figure(float(np.std(found, ddof=1)), 2)}", cell.value)
