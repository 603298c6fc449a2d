"""What arms store and cost, and the learning rates chosen for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hypernas.evaluation import tuned_at
from hypernas.reports import csv_file
from hypernas.reports.gap.analysis import times
from hypernas.reports.gap.results import Task
from hypernas.reports.style import BASELINE
from hypernas.reports.table import ABSENT, Cell, Table, number, word

COST, TUNING = "cost.csv", "tuning.csv"
_COST = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "stored": csv_file.finite,
    "step_ratio": csv_file.number,
    "peak_memory_mb": csv_file.number,
}
_TUNING = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "budget": csv_file.finite,
    "lr": csv_file.finite,
    "validation": csv_file.number,
}


def cost_table(task: Task, cost: Path, tuning: Path | None) -> Table:
    """One row an arm.

    Raises:
        ValueError: if a file is broken.
    """
    rows = csv_file.read(cost, _COST)
    csv_file.distinct(rows, ("task", "arm"), cost)
    costs = {row["arm"]: row for row in rows if row["task"] == task.name}
    tried = read_tuning(tuning, task) if tuning else []
    base = costs.get(BASELINE, {}).get("stored")
    lines = []
    for index, arm in enumerate(task.arms):
        found = costs.get(arm, {})
        stored = found.get("stored")
        lines.append(
            (
                word(arm, code=True),
                number(stored / base) if stored and base else number(stored, 0, grouped=True),
                number(_flops(task, arm)),
                number(_time(task, arm, found.get("step_ratio"))),
                number(found.get("peak_memory_mb"), 0, grouped=True),
                _rates(task, index, tried),
            )
        )
    budgets = " / ".join(times(budget) for budget in task.budgets)
    caption = (
        f"Parameters stored{f', in units of the {base:,.0f} of weight sharing' if base else ''}; "
        f"measured FLOPs and time of training at budget {times(task.budgets[0])}, in units of weight "
        f"sharing's (steps, times the time of one); peak memory; "
        f"learning rate chosen on validation"
        + (f" at budgets {budgets}." if len(task.budgets) > 1 else ".")
        + (" †: the lowest or highest that was tried." if tried else "")
    )
    stored_in = "stored (× sharing)" if base else "stored"
    columns = (
        "arm",
        stored_in,
        "FLOPs (× sharing)",
        "time (× sharing)",
        "peak memory (MB)",
        "learning rate",
    )
    return Table(columns, tuple(lines), caption)


def _flops(task: Task, arm: str) -> float | None:
    """Training FLOPs, generation included, in units of weight sharing's at the smallest budget."""
    if BASELINE not in task.arms:
        return None
    spent, base = (float(task.train_flops[task.arms.index(name), 0]) for name in (arm, BASELINE))
    return spent / base if spent and base else None


def _time(task: Task, arm: str, step_ratio: float | None) -> float | None:
    """Time of training in units of weight sharing's, at the smallest budget: a step's, times the steps."""
    if step_ratio is None or BASELINE not in task.arms:
        return None
    taken, base = (float(task.steps[task.arms.index(name), 0]) for name in (arm, BASELINE))
    return step_ratio * taken / base


def tuning_table(task: Task, path: Path) -> Table:
    """Every learning rate that was tried; those chosen in bold."""
    lines = []
    trials = read_tuning(path, task)
    for row in trials:
        chosen = row["lr"] in _used(task, row["arm"], row["budget"], trials)
        lines.append(
            (
                word(row["arm"], code=True),
                Cell(times(row["budget"]), row["budget"]),
                Cell(f"{row['lr']:g}", row["lr"], strong=chosen),
                number(row["validation"], 4),
            )
        )
    caption = (
        f"Validation {task.measure.replace('_', ' ')} of every learning rate tried; the "
        f"one used in bold."
    )
    return Table(("arm", "budget", "learning rate", "validation"), tuple(lines), caption)


def _used(task: Task, arm: str, tuned: float, trials: Sequence[dict[str, Any]]) -> set[float]:
    """The rates of the budgets for which an arm was tuned at this one."""
    if arm not in task.arms:
        return set()
    at = {row["budget"] for row in trials if row["arm"] == arm}
    return {
        rate
        for budget, rate in zip(task.budgets, task.lr[task.arms.index(arm)], strict=True)
        if tuned_at(budget, at) == tuned
    }


def read_tuning(path: Path, task: Task) -> list[dict[str, Any]]:
    """The trials of a task.

    Raises:
        ValueError: if the file is broken.
    """
    rows = csv_file.read(path, _TUNING)
    csv_file.distinct(rows, ("task", "arm", "budget", "lr"), path)
    return [row for row in rows if row["task"] == task.name]


def _rates(task: Task, index: int, tried: Sequence[dict[str, Any]]) -> Cell:
    texts = []
    for rate in task.lr[index]:
        trials = [row["lr"] for row in tried if row["arm"] == task.arms[index]]
        edge = len(trials) > 1 and rate in (min(trials), max(trials))
        texts.append(ABSENT if np.isnan(rate) else f"{rate:g}{'†' if edge else ''}")
    if len(set(texts)) == 1:
        texts = texts[:1]
    return Cell(" / ".join(texts), float(task.lr[index, -1]))
