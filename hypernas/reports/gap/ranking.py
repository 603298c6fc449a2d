"""How well inherited scores order subnets."""

from collections.abc import Callable
from functools import partial

import numpy as np

from hypernas.evaluation import (
    Estimate,
    estimate,
    kendall_tau,
    precision_at_k,
    regret,
    spearman,
)
from hypernas.reports.gap.analysis import measure, scores, sizes, trainings
from hypernas.reports.gap.results import Task
from hypernas.reports.gap.tables import digits_of, estimated
from hypernas.reports.table import Cell, Table, embolden

_BEST = 5


def ranking_table(task: Task) -> Table:
    """Each arm, and the size of a subnet as a score, at the largest budget."""
    best = _BEST if len(task.subnets) > _BEST else 1
    unit, digits = measure(task).unit, digits_of(task)
    columns: dict[str, Callable[..., np.ndarray]] = {
        "Kendall τ-b": kendall_tau,
        "Spearman ρ": spearman,
        f"precision at {best}": partial(precision_at_k, k=best),
        f"regret of the best pick ({unit})": regret,
    }
    ranked = {f"`{arm}`": task.arm(arm)[-1] for arm in task.longest}
    sign = -1.0 if measure(task).lower_is_better else 1.0  # larger subnets are taken to be better
    ranked |= {"parameters": sign * task.params[None], "FLOPs (MACs)": sign * task.macs[None]}
    cells = {
        name: [_estimate(task, row, of) for row in ranked.values()] for name, of in columns.items()
    }
    shown = [
        embolden(
            [
                estimated(found.times(measure(task).scale) if found and of is regret else found,
                          digits if of is regret else 2, signed=False)
                for found in cells[name]
            ],
            highest=of is not regret,
        )
        for name, of in columns.items()
    ]  # fmt: skip
    rows = tuple(
        (Cell(name, name.strip("`")), *values)
        for name, values in zip(ranked, zip(*shown, strict=True), strict=True)
    )
    caption = (
        f"How inherited {task.measure.replace('_', ' ')} orders subnets at a budget of "
        f"{trainings(task.budgets[-1:])}, against the mean stand-alone result over seeds; the last two rows "
        f"rank by size alone. Mean over seeds [95 % interval over subnets]; {sizes(task)}; best in bold."
    )
    return Table(("ranked by", *columns), rows, caption)


def _estimate(task: Task, row: np.ndarray, of: Callable[..., np.ndarray]) -> Estimate | None:
    pair = scores(task, row)
    if pair is None or pair[1].size < 2:
        return None
    return estimate(of, *pair)
