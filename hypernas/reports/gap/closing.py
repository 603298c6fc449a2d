"""Share of the gap of sharing trained alike that each arm closes, for arms called `generator.strategy`."""

import numpy as np
from pandas import DataFrame

from hypernas.reports.gap import estimates
from hypernas.reports.gap.estimates import METHOD, times
from hypernas.reports.gap.tables import shown
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.style import BASELINE
from hypernas.reports.table import ABSENT, Cell, over_seeds, table, word


def closed_tables(task: Task) -> list[DataFrame]:
    """A row for each arm and budget, against `shared` under the same strategy.

    A share is told where sharing has a gap above 0 with every seed.

    Raises:
        Missing: if no arm has another of that kind.
    """
    pairs = [(arm, f"{BASELINE}.{arm.partition('.')[2]}") for arm in task.arms]
    lines = [
        _line(task, arm, other, budget)
        for arm, other in pairs
        if arm != other and other in task.arms
        for budget in task.budgets
        if len(_gaps(task, arm, other, budget))
    ]
    if not lines:
        raise Missing(f"it is for arms that are called generator.strategy, beside {BASELINE}")
    return [
        table(
            lines,
            f"Each arm against `{BASELINE}` under the same strategy, paired by seed and subnet: difference of gaps (below 0: the arm is better), mean "
            f"[{METHOD}]; share of the mean gap that is closed, mean [95 % interval of Student's t over seeds].",
        )
    ]


def _line(task: Task, arm: str, other: str, budget: float) -> dict[str, Cell]:
    own, base = _gaps(task, arm, other, budget).T
    shares = list(1 - own / base) if (base > 0).all() else []
    return {
        "arm": word(arm, code=True),
        "against": word(other, code=True),
        "budget": Cell(times(budget), budget),
        f"difference ({task.measure.unit})": shown(
            task, estimates.difference(task, arm, other, budget), signed=True
        ),
        "share of the gap closed": over_seeds(shares, 2) if shares else Cell(ABSENT),
        "seeds in which ahead": Cell(
            f"{(own < base).sum()} of {len(own)}", float((own < base).sum())
        ),
    }


def _gaps(task: Task, arm: str, other: str, budget: float) -> np.ndarray:  # shape: (S, 2)
    """The mean gaps over subnets of both arms, of each seed that has both."""
    found = np.stack([estimates.of_seeds(task, each, budget) for each in (arm, other)], 1)
    return found[~np.isnan(found).any(1)]
