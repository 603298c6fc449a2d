"""Estimates of the studies of the gap: each made once, in the units that are shown."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from hypernas.evaluation import Estimate, average, estimate, gaps, kendall_tau, paired
from hypernas.reports.gap.task import Task
from hypernas.reports.style import BASELINE, FLAGSHIP

# Legend: S seeds, N subnets.

FEW_SEEDS, FEW_SUBNETS = 3, 8  # with fewer, intervals are said to be rough
METHOD = "95 % interval over seeds (Student's t) and subnets (bootstrap), half-widths added in quadrature"


def common(*samples: np.ndarray) -> list[np.ndarray] | None:
    """Values measured in all samples of shape (S, N): their seeds, and the subnets without a gap.

    None if there is nothing left.
    """
    seeds = np.all([~np.isnan(sample).all(1) for sample in samples], axis=0)
    kept = [sample[seeds] for sample in samples]
    subnets = np.all([~np.isnan(sample).any(0) for sample in kept], axis=0)
    if not seeds.any() or not subnets.any():
        return None
    return [sample[:, subnets] for sample in kept]


@cache
def gap(task: Task, arm: str, budget: float) -> Estimate | None:
    """The mean signed gap of an arm, its interval over seeds and subnets (see `METHOD`), in points or nats."""
    lower = task.measure.lower_is_better
    there = common(gaps(task.inherited(arm, budget), task.standalone, lower_is_better=lower))
    if there is None:
        return None
    return estimate(average, there[0]).beyond_seeds().times(task.measure.scale)


def of_seeds(task: Task, arm: str, budget: float) -> np.ndarray:  # shape: (S,)
    """The mean gap over subnets of each seed, in the units of the measure; nan where one lacks any."""
    lower = task.measure.lower_is_better
    found = gaps(task.inherited(arm, budget), task.standalone, lower_is_better=lower)
    return found.mean(1)


@cache
def difference(task: Task, arm: str, to: str, budget: float) -> Estimate | None:
    """By how much an arm's gap is larger than that of another, on the same seeds and subnets.

    Gaps are subtracted, so what stand-alone training gave cancels.
    """
    sign = 1.0 if task.measure.lower_is_better else -1.0
    there = common(task.inherited(arm, budget), task.inherited(to, budget))
    if there is None:
        return None
    found = paired(sign * there[0], sign * there[1], resample_seeds=False)
    return found.beyond_seeds().times(task.measure.scale)


@cache
def correlation(task: Task, arm: str, budget: float) -> Estimate | None:
    """Kendall's tau-b of the inherited scores of an arm."""
    return ranking(task, task.inherited(arm, budget), kendall_tau)


def ranking(
    task: Task,
    scores: np.ndarray,  # shape: (S, N)
    statistic: Callable[..., np.ndarray],
) -> Estimate | None:
    """A statistic of scores and the truth: the mean stand-alone result over seeds."""
    trained = ~np.isnan(task.standalone).all(1)
    if not trained.any():
        return None
    truth = task.standalone[trained].mean(0)  # nan for a subnet that lacks a seed
    there = common(scores, np.broadcast_to(truth, scores.shape))
    if there is None or there[0].shape[1] < 2:
        return None
    score = task.measure.score
    return estimate(statistic, score(there[0]), score(there[1][0]))


def rival(task: Task) -> str | None:
    """The arm that others are compared with: the baseline, or the flagship if that is all there is."""
    return next((arm for arm in (BASELINE, FLAGSHIP) if arm in task.arms), None)


def seeds(task: Task) -> tuple[int, int]:
    """The fewest and the most seeds that an arm has at a budget."""
    counts = task.rows.groupby(["arm", "budget"])["seed"].nunique()
    return int(counts.min()), int(counts.max())


def sizes(task: Task) -> str:
    """Counts of seeds and subnets in words."""
    low, high = seeds(task)
    words = f"{low}" if low == high else f"{low} to {high}"
    return f"{words} {'seed' if words == '1' else 'seeds'} and {len(task.subnets)} subnets"


def reservation(task: Task) -> str:
    """A warning to stand beside intervals of few seeds or subnets; empty where there are enough."""
    few = []
    if seeds(task)[0] < FEW_SEEDS:
        few.append(f"{seeds(task)[0]} {'seed' if seeds(task)[0] == 1 else 'seeds'}")
    if len(task.subnets) < FEW_SUBNETS:
        few.append(f"{len(task.subnets)} {'subnet' if len(task.subnets) == 1 else 'subnets'}")
    return " and ".join(few)


def times(budget: float) -> str:
    """A budget as text."""
    return f"{budget:g}×"


def trainings(budgets: Sequence[float]) -> str:
    """Budgets in words."""
    numbers = ", ".join(f"{budget:g}" for budget in budgets)
    return f"{numbers} stand-alone training{'' if numbers == '1' else 's'}"
