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
from hypernas.reports.table import embolden, word


def magnitude_tables(task: Task) -> list[DataFrame]:
    """Mean absolute gap and Kendall's tau-b of each arm at its largest budget, as Jawahar et al. report them (arXiv 2306.04845)."""
    if np.isnan(task.standalone).all():
        raise Missing("the results have no stand-alone values")
    budget, unit = task.budgets[-1], task.measure.unit
    sizes_of_gaps = [shown(task, magnitude(task, arm, budget)) for arm in task.longest]
    ranks = [shown(task, estimates.correlation(task, arm, budget), 2) for arm in task.longest]
    made = DataFrame(
        {
            "arm": [word(arm, code=True) for arm in task.longest],
            f"mean absolute gap ({unit})": embolden(sizes_of_gaps),
            "Kendall τ-b": embolden(ranks, highest=True),
        },
        dtype=object,
    )
    made.attrs["caption"] = (
        f"Mean size of the gap in {task.quality}, whatever its sign, and order of subnets at a budget of {trainings([budget])}, as Mixture-of-Supernets reports "
        f"them. Gap: mean [{METHOD}]; noise of stand-alone training adds to it. τ: [95 % interval over subnets for these very seeds, bootstrap]. {sizes(task)}; best in bold."
    )
    return [made]


def magnitude(task: Task, arm: str, budget: float) -> Estimate | None:
    """The mean absolute gap of an arm, each seed against stand-alone training of the same seed, in the unit that is shown."""
    there = estimates.common(task.inherited(arm, budget), task.standalone)
    if there is None:
        return None
    size = partial(absolute_gap, lower_is_better=task.measure.lower_is_better)
    return estimate(size, *there).beyond_seeds().times(task.measure.scale)
