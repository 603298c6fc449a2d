"""Noise over seeds against spread over subnets: the power of a task to tell architectures apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hypernas.evaluation.estimate import Floats
from hypernas.evaluation.ranking import kendall_tau

# Model: y_ri = m_i + e_ri for seed r of R and subnet i of N, the true means m_i of standard deviation
# `between`, the noise e_ri independent of standard deviation `within`, the same for every subnet.


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Noise of stand-alone training over seeds, from N subnets with R seeds each.

    Attributes:
        within: standard deviation over seeds, pooled over subnets, in the units of the measure.
        between: standard deviation of the true means of subnets, the noise taken out; 0 where the
            noise explains all of the spread.
        num_seeds: R.
    """

    within: float
    between: float
    num_seeds: int

    def reliability(self, num_seeds: int | None = None) -> float:
        """Share of the variance of the means over seeds that comes from architectures, in [0, 1].

        The figure by which a task counts for ranking: where it is r, a perfect predictor of normal
        true means reaches a tau of 2/π arcsin(√r), so 0.9 allows 0.80, 0.8 allows 0.70, 0.5 allows
        0.50. Studies here ask for 0.8. `num_seeds` is of the means, by default those there are.
        """
        signal, noise = self.between**2, self.within**2 / (num_seeds or self.num_seeds)
        if signal == 0:
            return 0.0
        return signal / (signal + noise)


def noise(
    references: ArrayLike,  # shape: (R, N), stand-alone results
) -> Noise:
    """Variance components of a one-way layout, by the method of moments.

    within² = mean over subnets of the variance over seeds (R - 1);
    between² = variance of the subnets' means (N - 1) minus within² / R, at least 0
    (Searle, Casella and McCulloch, "Variance Components", 1992, chapter 3).

    Raises:
        ValueError: for fewer than two seeds or two subnets, or numbers that are not finite.
    """
    values = _references(references)
    within = values.var(0, ddof=1).mean()
    between = max(0.0, values.mean(0).var(ddof=1) - within / len(values))
    return Noise(
        within=float(np.sqrt(within)), between=float(np.sqrt(between)), num_seeds=len(values)
    )


def attainable_tau(
    references: ArrayLike,  # shape: (R, N), stand-alone results
    *,
    num_seeds: int | None = None,
    num: int = 2000,
    seed: int = 0,
) -> float:
    """Kendall's tau that a perfect predictor of the true means reaches against measured means.

    By simulation. The true means are taken to be the measured ones, drawn towards their mean by the
    square root of the reliability, which gives them the variance between² (by the reliability itself,
    as for the best guess of each, they would vary too little: Louis, "Estimating a population of
    parameter values using Bayes and empirical Bayes methods", JASA 79, 1984). To these, normal noise
    of variance within² / R is added; the result is the mean tau between the two. No generator can be
    expected to do better; 0 where noise explains all of the spread.

    Args:
        num_seeds: R of the measured means that rankings are compared with, by default of
            `references`.
        num: simulations.

    Raises:
        ValueError: as `noise`.
    """
    found, means = noise(references), _references(references).mean(0)
    if found.between == 0:
        return 0.0
    true = means.mean() + np.sqrt(found.reliability()) * (means - means.mean())
    deviation = found.within / np.sqrt(num_seeds or found.num_seeds)
    rng = np.random.default_rng(seed)
    measured = true + deviation * rng.standard_normal((num, len(true)))
    return float(kendall_tau(true, measured).mean())


def _references(references: ArrayLike) -> Floats:
    values = np.asarray(references, dtype=float)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise ValueError(
            f"references must be finite numbers of shape (R, N) for two or more seeds of the same "
            f"two or more subnets, got shape {values.shape}. Noise cannot be told from one seed."
        )
    return values
