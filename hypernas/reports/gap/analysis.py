"""Estimates of the studies of the gap: each made once, in the units that are shown."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from hypernas.evaluation import (
    MEASURES,
    Estimate,
    Measure,
    average,
    estimate,
    gaps,
    kendall_tau,
    paired,
)
from hypernas.reports.gap.results import Task
from hypernas.reports.style import BASELINE, FLAGSHIP

# Legend: S seeds, N subnets.


def measure(task: Task) -> Measure:
    """What the task measures."""
    return MEASURES[task.measure]


def common(*samples: np.ndarray) -> list[np.ndarray] | None:
    """What is measured in all samples of shape (S, N): their seeds, and the subnets without a gap.

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
    """The mean signed gap of an arm, its interval over subnets, in points or nats."""
    inherited = task.arm(arm)[task.budgets.index(budget)]
    there = common(_gaps(task, inherited))
    if there is None:
        return None
    return estimate(average, there[0]).times(measure(task).scale)


@cache
def difference(task: Task, arm: str, to: str, budget: float) -> Estimate | None:
    """By how much an arm's gap is larger than that of another, on the same seeds and subnets.

    Gaps are subtracted, so what stand-alone training gave cancels.
    """
    index = task.budgets.index(budget)
    sign = 1.0 if measure(task).lower_is_better else -1.0
    there = common(task.arm(arm)[index], task.arm(to)[index])
    if there is None:
        return None
    return paired(sign * there[0], sign * there[1]).times(measure(task).scale)


@cache
def correlation(task: Task, arm: str, budget: float) -> Estimate | None:
    """Kendall's tau-b of the inherited scores of an arm."""
    pair = scores(task, task.arm(arm)[task.budgets.index(budget)])
    return None if pair is None else estimate(kendall_tau, *pair)


def scores(task: Task, inherited: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """What ranks, shape (S, N), and the truth, shape (N,): the mean stand-alone score over seeds."""
    trained = ~np.isnan(task.standalone).all(1)
    if not trained.any():
        return None
    truth = task.standalone[trained].mean(0)  # nan for a subnet that lacks a seed
    there = common(inherited, np.broadcast_to(truth, inherited.shape))
    if there is None:
        return None
    of = measure(task)
    return of.score(there[0]), of.score(there[1][0])


def rival(task: Task) -> str | None:
    """The arm that others are compared with: the baseline, or the flagship if that is all there is."""
    return next((arm for arm in (BASELINE, FLAGSHIP) if arm in task.arms), None)


def sizes(task: Task) -> str:
    """How many seeds and subnets there are, in words."""
    counts = {int((~np.isnan(cell).all(1)).sum()) for arm in task.inherited for cell in arm} - {0}
    seeds = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    return f"{seeds} {'seed' if seeds == '1' else 'seeds'} and {len(task.subnets)} subnets"


def times(budget: float) -> str:
    """A budget as text."""
    return f"{budget:g}×"


def trainings(budgets: Sequence[float]) -> str:
    """Budgets in words."""
    numbers = ", ".join(f"{budget:g}" for budget in budgets)
    return f"{numbers} stand-alone training{'' if numbers == '1' else 's'}"


def _gaps(task: Task, inherited: np.ndarray) -> np.ndarray:  # shape: (S, N)
    return gaps(inherited, task.standalone, lower_is_better=measure(task).lower_is_better)
