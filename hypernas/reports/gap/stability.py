"""Whether the last checkpoints of a run agree on the order of subnets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hypernas.evaluation import stability
from hypernas.reports import csv_file
from hypernas.reports.gap.results import Task
from hypernas.reports.table import ABSENT, Cell, Table, figure, number, word

FILE = "stability.csv"
_COLUMNS = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "budget": csv_file.finite,
    "step": csv_file.whole,
    "subnet": csv_file.word,
    "value": csv_file.finite,
}


def stability_table(task: Task, path: Path) -> Table:
    """S-tau of each arm at its largest budget, of single evaluations and of means of the last few.

    Raises:
        ValueError: if the file is broken, a run lacks subnets at some of its steps, or runs were
            evaluated unequally often.
    """
    rows = csv_file.read(path, _COLUMNS)
    csv_file.distinct(rows, ("task", "arm", "seed", "budget", "step", "subnet"), path)
    lists = _lists([row for row in rows if row["task"] == task.name], path)
    nums = {arm: sorted({len(values) for values in runs}) for arm, runs in lists.items()}
    if len({num for found in nums.values() for num in found}) > 1:
        raise ValueError(
            f"{path}: evaluations of a run are as many in all arms, or S-tau cannot be compared; "
            f"got {nums}."
        )
    num = next((found[0] for found in nums.values()), 0)
    width = max(2, num // 2)
    lines = []
    for arm in (arm for arm in task.arms if arm in lists):
        runs = lists[arm]
        cells = [
            _spread([stability(values, average=average) for values in runs])
            if all(len(values) > average for values in runs)
            else Cell(ABSENT)
            for average in (1, width)
        ]
        lines.append((word(arm, code=True), *cells, number(len(runs), 0)))
    caption = (
        f"Kendall τ-b between the rankings of the same subnets on validation at successive "
        f"ones of the last {num} evaluations of a run (S-tau), at the arm's largest budget: by one "
        f"evaluation, and by the mean of the last {width} (which overlap, so compare within a column). "
        f"Mean ± standard deviation over seeds."
    )
    columns = ("arm", "S-tau, single evaluations", f"S-tau, means of {width}", "seeds")
    return Table(columns, tuple(lines), caption)


def _lists(rows: Sequence[dict[str, Any]], path: Path) -> dict[str, list[np.ndarray]]:
    """Arm -> for each seed the values at the largest budget, shape (evaluations, subnets)."""
    largest: dict[str, float] = {}
    for row in rows:
        largest[row["arm"]] = max(row["budget"], largest.get(row["arm"], row["budget"]))
    runs: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
    for row in rows:
        if row["budget"] == largest[row["arm"]]:
            steps = runs.setdefault((row["arm"], row["seed"]), {})
            steps.setdefault(row["step"], {})[row["subnet"]] = row["value"]
    found: dict[str, list[np.ndarray]] = {}
    for (arm, seed), steps in sorted(runs.items()):
        subnets = list(steps[min(steps)])
        for step, values in steps.items():
            if set(values) != set(subnets):
                raise ValueError(
                    f"{path}: arm {arm}, seed {seed}: expected the same subnets at every step, got "
                    f"others at step {step} than at step {min(steps)}."
                )
        table = [[steps[step][subnet] for subnet in subnets] for step in sorted(steps)]
        found.setdefault(arm, []).append(np.array(table))
    return found


def _spread(values: Sequence[float]) -> Cell:
    cell = number(float(np.mean(values)) if values else None)
    if cell.value is None or len(values) < 2:
        return cell
    return Cell(f"{cell.text} ± {figure(float(np.std(values, ddof=1)), 2)}", cell.value)
