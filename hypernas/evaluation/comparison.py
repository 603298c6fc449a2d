"""Inherited weights of one generator against stand-alone training."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from hypernas.border import checked
from hypernas.evaluation.estimate import Estimate, estimate
from hypernas.evaluation.gap import Measure, absolute_gap, signed_gap
from hypernas.evaluation.ranking import kendall_tau, precision_at_k, regret, spearman


@checked
def compare(
    inherited: ArrayLike,  # shape: (N,)
    standalone: ArrayLike,  # shape: (R, N), of R seeds
    *,
    measure: Measure,
    k: int = 5,
) -> dict[str, Estimate]:
    """The gap in the measure's unit, and rank correlations, each with an interval over subnets.

    Truth is the mean over the seeds of stand-alone training. `precision at k` is the share of the
    true best k among the k that inherit best; `regret` is what is lost by picking the one that
    inherits best, in the measure's unit.
    """
    ours = np.asarray(inherited, dtype=float)
    alone = np.atleast_2d(np.asarray(standalone, dtype=float)).mean(0)
    worse = {"lower_is_better": measure.lower_is_better}
    found = {
        "gap": estimate(partial(signed_gap, **worse), ours, alone).times(measure.scale),
        "absolute gap": estimate(partial(absolute_gap, **worse), ours, alone).times(measure.scale),
    }
    truth = measure.score(alone)
    found["regret"] = estimate(regret, measure.score(ours), truth).times(measure.scale)
    return found | rank(measure.score(ours), truth, k=k)


def rank(
    scores: ArrayLike,  # shape: (N,), higher is thought better
    truth: ArrayLike,  # shape: (N,), higher is better
    *,
    k: int = 5,
) -> dict[str, Estimate]:
    """Agreement of scores, a generator's or a baseline's such as the parameter count, with the truth."""
    k = min(k, len(np.asarray(truth)))
    measures = {
        "Kendall tau-b": kendall_tau,
        "Spearman": spearman,
        f"precision at {k}": partial(precision_at_k, k=k),
    }
    return {name: estimate(statistic, scores, truth) for name, statistic in measures.items()}


@checked
def baselines(
    costs: Mapping[str, ArrayLike],  # name -> shape (N,)
    truth: ArrayLike,  # shape: (N,)
) -> dict[str, Estimate]:
    """Kendall's tau-b of costs taken for scores: what a ranking has to beat."""
    return {name: estimate(kendall_tau, values, truth) for name, values in costs.items()}
