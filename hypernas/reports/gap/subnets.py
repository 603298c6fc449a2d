"""Every subnet of every arm and budget, for whoever wants to look things up."""

import json

import numpy as np

from hypernas.evaluation import gaps
from hypernas.reports.gap.analysis import measure, times
from hypernas.reports.gap.results import Task
from hypernas.reports.gap.tables import digits_of
from hypernas.reports.table import Cell, Table, number, word


def subnet_table(task: Task) -> Table:
    """One row for each arm, budget and subnet: means over the seeds that have both results."""
    of, digits = measure(task), digits_of(task)
    apart = gaps(task.inherited, task.standalone, lower_is_better=of.lower_is_better)
    lines = []
    for a, arm in enumerate(task.arms):
        for b, budget in enumerate(task.budgets):
            for n, subnet in enumerate(task.subnets):
                ours = _mean(task.inherited[a, b, :, n])
                if ours is None:
                    continue
                gap, alone = _mean(apart[a, b, :, n]), _mean(task.standalone[:, n])
                lines.append(
                    (
                        word(arm, code=True),
                        Cell(times(budget), budget),
                        word(subnet.name),
                        number(subnet.macs / 1e6),
                        number(ours * of.scale, digits),
                        number(None if alone is None else alone * of.scale, digits),
                        number(None if gap is None else gap * of.scale, digits, signed=True),
                        number(subnet.params, 0, grouped=True),
                        Cell(_words(subnet.architecture)),
                    )
                )
    unit = "%" if of.unit == "points" else of.unit
    caption = (
        f"Inherited and stand-alone {task.measure.replace('_', ' ')} of every evaluated subnet, means "
        f"over seeds; MMACs are millions of multiply-adds of one example."
    )
    columns = (
        "arm", "budget", "subnet", "MMACs", f"inherited ({unit})",
        f"stand-alone ({unit})", f"gap ({of.unit})", "parameters", "architecture",
    )  # fmt: skip
    return Table(columns, tuple(lines), caption)


def _mean(values: np.ndarray) -> float | None:
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else None


def _words(architecture: object) -> str:
    return json.dumps(architecture).strip("{}").replace('"', "")
