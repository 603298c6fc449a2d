"""Storage and cost of arms, and the learning rates chosen for them."""

import math
from pathlib import Path

from pandas import DataFrame

from hypernas.evaluation import tuned_at
from hypernas.reports import csv_file
from hypernas.reports.gap.estimates import times
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.style import BASELINE
from hypernas.reports.table import ABSENT, Cell, number, table, word

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


def cost_tables(task: Task, cost: Path | None, tuning: Path | None) -> list[DataFrame]:
    """One row an arm.

    Raises:
        ValueError: if a file is broken, or there is none of costs.
    """
    if cost is None:
        raise Missing(f"there is no {COST} beside results.csv")
    rows = csv_file.read(cost, _COST)
    csv_file.distinct(rows, ("task", "arm"), cost)
    costs = rows[rows["task"] == task.name].set_index("arm").reindex([*task.arms, BASELINE])
    costs = costs[~costs.index.duplicated()]
    tried = read_tuning(tuning, task) if tuning else None
    base = costs["stored"][BASELINE]
    shared = not math.isnan(base)
    first = task.spent.xs(task.budgets[0], level="budget").reindex([*task.arms, BASELINE])
    first = first[~first.index.duplicated()]
    # Measured FLOPs, generation included, and a step's time, times the steps.
    flops = first["train_flops"] / first["train_flops"][BASELINE]
    time = costs["step_ratio"] * first["steps"] / first["steps"][BASELINE]
    stored = costs["stored"] / base if shared else costs["stored"]
    lines = [
        {
            "arm": word(arm, code=True),
            f"stored{' (× sharing)' * shared}": number(stored[arm]) if shared
            else number(stored[arm], 0, grouped=True),
            "FLOPs (× sharing)": number(flops[arm]),
            "time (× sharing)": number(time[arm]),
            "peak memory (MB)": number(costs["peak_memory_mb"][arm], 0, grouped=True),
            "learning rate": _rates(task, arm, tried),
        }
        for arm in task.arms
    ]  # fmt: skip
    budgets = " / ".join(times(budget) for budget in task.budgets)
    caption = (
        f"Parameters stored{f', in units of the {base:,.0f} of weight sharing' if shared else ''}; "
        f"measured FLOPs and time of training at budget {times(task.budgets[0])}, in units of weight "
        f"sharing's (steps, times the time of one); peak memory; "
        f"learning rate chosen on validation"
        + (f" at budgets {budgets}." if len(task.budgets) > 1 else ".")
        + (" †: the lowest or highest that was tried." if tried is not None and len(tried) else "")
    )
    return [table(lines, caption)]


def _rates(task: Task, arm: str, tried: DataFrame | None) -> Cell:
    rates = task.spent["lr"][arm].reindex(task.budgets)
    trials = [] if tried is None else list(tried["lr"][tried["arm"] == arm])
    texts = []
    for rate in rates:
        edge = len(trials) > 1 and rate in (min(trials), max(trials))
        texts.append(ABSENT if math.isnan(rate) else f"{rate:g}{'†' * edge}")
    if len(set(texts)) == 1:
        texts = texts[:1]
    return Cell(" / ".join(texts), float(rates.iloc[-1]))


def tuning_tables(task: Task, path: Path | None) -> list[DataFrame]:
    """Every learning rate that was tried; those chosen in bold.

    Raises:
        ValueError: if the file is broken, or there is none.
    """
    if path is None:
        raise Missing(f"there is no {TUNING} beside results.csv")
    trials = read_tuning(path, task)
    lines = [
        {
            "arm": word(row.arm, code=True),
            "budget": Cell(times(row.budget), row.budget),
            "learning rate": Cell(
                f"{row.lr:g}", row.lr, strong=row.lr in _used(task, row.arm, row.budget, trials)
            ),
            "validation": number(row.validation, 4),
        }
        for row in trials.itertuples()
    ]
    told = trials["measure"].iloc[0] if "measure" in trials else task.measure.name
    quality = told.replace("_", " ")
    caption = f"Validation {quality} of every learning rate tried; the one used in bold."
    return [table(lines, caption)]


def _used(task: Task, arm: str, tuned: float, trials: DataFrame) -> set[float]:
    """The rates of the budgets for which an arm was tuned at this one."""
    if arm not in task.arms:
        return set()
    at = set(trials["budget"][trials["arm"] == arm])
    return {rate for budget, rate in task.spent["lr"][arm].items() if tuned_at(budget, at) == tuned}


def read_tuning(path: Path, task: Task) -> DataFrame:
    """The trials of a task.

    Raises:
        ValueError: if the file is broken.
    """
    rows = csv_file.read(path, _TUNING)
    csv_file.distinct(rows, ("task", "arm", "budget", "lr"), path)
    return rows[rows["task"] == task.name]
