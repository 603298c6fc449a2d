"""The size of the gap whatever its sign, beside the order of subnets: the measures of Mixture-of-Supernets' own tables."""

from functools import partial

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import Estimate, absolute_gap, estimate
from hypernas.reports.gap import estimates
from hypernas.reports.gap.estimates import METHOD, sizes, trainings
from hypernas.reports.gap.tables import shown
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.style import BASELINE
from hypernas.reports.table import embolden, word


def magnitude_tables(task: Task) -> list[DataFrame]:
    """For each budget the mean absolute gap and Kendall's tau-b of each arm, as Jawahar et al. report them (arXiv 2306.04845)."""
    if np.isnan(task.standalone).all():
        raise Missing("the results have no stand-alone values")
    return [_at(task, budget) for budget in task.budgets]


def _at(task: Task, budget: float) -> DataFrame:
    arms, unit = task.trained(budget), task.measure.unit
    sizes_of_gaps = [shown(task, magnitude(task, arm, budget)) for arm in arms]
    ranks = [shown(task, estimates.correlation(task, arm, budget), 2) for arm in arms]
    columns = {
        "arm": [word(arm, code=True) for arm in arms],
        f"mean absolute gap ({unit})": embolden(sizes_of_gaps),
        "Kendall τ-b": embolden(ranks, highest=True),
    }
    ratios = [relative(task, arm, budget) for arm in arms]
    if told := any(ratios):
        columns[f"gap (× `{BASELINE}`)"] = [shown(task, each, 2) for each in ratios]
    made = DataFrame(columns, dtype=object)
    made.attrs["caption"] = (
        f"Mean size of the gap in {task.quality}, whatever its sign, and order of subnets at a budget of {trainings([budget])}, as Mixture-of-Supernets reports "
        f"them. Gap: mean [{METHOD}]; noise of stand-alone training adds to it. τ: [95 % interval over subnets for these very seeds, bootstrap]. {sizes(task)}; best in bold."
        + f" ×: in units of the gap of `{BASELINE}` under the same strategy, on the same seeds and subnets, as the gap."
        * told
    )
    return made


def magnitude(task: Task, arm: str, budget: float) -> Estimate | None:
    """The mean absolute gap of an arm, each seed against stand-alone training of the same seed, in the unit that is shown."""
    there = estimates.common(task.inherited(arm, budget), task.standalone)
    if there is None:
        return None
    size = partial(absolute_gap, lower_is_better=task.measure.lower_is_better)
    return estimate(size, *there).beyond_seeds().times(task.measure.scale)


def relative(task: Task, arm: str, budget: float) -> Estimate | None:
    """The mean absolute gap of an arm over that of weight sharing; of arms `generator.strategy`, under the same strategy."""
    _, dot, strategy = arm.partition(".")
    base = f"{BASELINE}{dot}{strategy}"
    if arm == base or base not in task.arms:
        return None
    there = estimates.common(
        task.inherited(arm, budget), task.inherited(base, budget), task.standalone
    )
    if there is None:
        return None
    lower = task.measure.lower_is_better

    def ratio(own: np.ndarray, other: np.ndarray, alone: np.ndarray) -> np.ndarray:
        base = np.asarray(absolute_gap(other, alone, lower_is_better=lower))
        none = np.full_like(base, np.nan)  # where the other has no gap at all
        size = absolute_gap(own, alone, lower_is_better=lower)
        return np.divide(size, base, out=none, where=base > 0)

    return estimate(ratio, *there).beyond_seeds()
