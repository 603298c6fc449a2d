"""The gap by size of subnet: of the small, the middle and the large third."""

from dataclasses import replace

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import Estimate
from hypernas.reports.gap import estimates
from hypernas.reports.gap.estimates import METHOD, seeds, times
from hypernas.reports.gap.tables import shown
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.table import Cell, embolden, number, table, word

SIZES = ("small", "middle", "large")


def size_tables(task: Task) -> list[DataFrame]:
    """One row an arm, one column a third of the subnets by multiply-adds, one table a budget.

    Strategies trade sizes for each other, which a mean over all subnets hides.

    Raises:
        Missing: of fewer subnets than thirds, or without stand-alone values.
    """
    if len(task.subnets) < len(SIZES):
        raise Missing(f"there are fewer than {len(SIZES)} subnets")
    if np.isnan(task.standalone).all():
        raise Missing("the results have no stand-alone values")
    return [_table(task, budget) for budget in task.budgets]


def _table(task: Task, budget: float) -> DataFrame:
    parts = thirds(task)
    arms = [arm for arm in task.arms if (arm, budget) in task.spent.index]
    means = [
        {size: estimates.gap(part, arm, budget) for size, part in parts.items()} for arm in arms
    ]
    columns = {size: embolden([shown(task, found[size]) for found in means]) for size in parts}
    lines = [
        {
            "arm": word(arm, code=True),
            **{size: cells[place] for size, cells in columns.items()},
            "large − small": _slope(task, means[place]),
        }
        for place, arm in enumerate(arms)
    ]
    low, high = seeds(task)
    counts = " + ".join(f"{len(part.subnets)}" for part in parts.values())
    caption = (
        f"Gap by size of subnet at budget {times(budget)}, in {task.measure.unit}: thirds by multiply-adds, {counts} subnets of "
        f"{_macs(parts)} million. Mean [{METHOD}; of so few subnets they are rough]; "
        f"{low if low == high else f'{low} to {high}'} seeds; lowest in bold."
    )
    return table(lines, caption)


def thirds(task: Task) -> dict[str, Task]:
    """The results of the subnets of each third, from few to many multiply-adds."""
    order = task.subnets["macs"].sort_values(kind="stable").index
    groups = np.array_split(np.arange(len(order)), len(SIZES))
    return {
        size: replace(task, rows=task.rows[task.rows["subnet"].isin(order[group])])
        for size, group in zip(SIZES, groups, strict=True)
    }


def _slope(task: Task, found: dict[str, Estimate | None]) -> Cell:
    small, large = found[SIZES[0]], found[SIZES[-1]]
    value = None if small is None or large is None else large.value - small.value
    return number(value, task.digits, signed=True)


def _macs(parts: dict[str, Task]) -> str:
    """The range of each third."""
    ends = [
        (part.subnets["macs"].min() / 1e6, part.subnets["macs"].max() / 1e6)
        for part in parts.values()
    ]
    return ", ".join(f"{low:.3g} to {high:.3g}" for low, high in ends)
