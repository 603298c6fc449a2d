"""Agreement of scores with the true order of subnets.

Higher is better in scores and truth alike: nats are negated first (`Measure.score`). Every function
but `stability` turns arrays of shape (..., N) into (...), for N subnets, so it can be a statistic of
`estimate`. Equal scores are taken as if ordered at random, and the result is the mean over that.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from hypernas.evaluation.estimate import Floats


def kendall_tau(
    scores: ArrayLike,  # shape: (..., N)
    truth: ArrayLike,  # shape: (..., N)
) -> Floats:  # shape: (...), in [-1, 1]
    """Kendall's tau-b: concordant minus discordant pairs, over the pairs that are not tied.

    nan where all scores are equal, or all of the truth. `scipy.stats.kendalltau` of many rows at
    once; work grows as N², memory as N.
    """
    scores, truth = _pair(scores, truth)
    agreement, untied, untied_truth = (np.zeros(scores.shape[:-1], dtype=int) for _ in range(3))
    for shift in range(1, scores.shape[-1]):
        a, b = _signs(scores, shift), _signs(truth, shift)
        agreement += (a * b).sum(-1, dtype=int)
        untied += np.count_nonzero(a, axis=-1)
        untied_truth += np.count_nonzero(b, axis=-1)
    return _ratio(agreement, np.sqrt(untied * untied_truth.astype(float)))


def spearman(
    scores: ArrayLike,  # shape: (..., N)
    truth: ArrayLike,  # shape: (..., N)
) -> Floats:  # shape: (...), in [-1, 1]
    """Spearman's rho: the correlation of ranks, those of ties averaged; nan as `kendall_tau`."""
    a, b = (rankdata(values, axis=-1) for values in _pair(scores, truth))
    a, b = (ranks - ranks.mean(-1, keepdims=True) for ranks in (a, b))
    return _ratio((a * b).sum(-1), np.sqrt((a * a).sum(-1)) * np.sqrt((b * b).sum(-1)))


def precision_at_k(
    scores: ArrayLike,  # shape: (..., N)
    truth: ArrayLike,  # shape: (..., N)
    k: int,
) -> Floats:  # shape: (...), in [0, 1]
    """Share of the true best k that is among the k of the best scores; by chance k / N.

    What is as good as the k-th best may take its place.

    Raises:
        ValueError: if k is not between 1 and N.
    """
    scores, truth = _pair(scores, truth)
    if not 1 <= k <= scores.shape[-1]:
        raise ValueError(
            f"k must be between 1 and the {scores.shape[-1]} subnets there are, got {k}."
        )
    chosen, last = _among_best(scores, k), np.partition(truth, -k, axis=-1)[..., [-k]]
    above, level = truth > last, truth == last
    places = k - above.sum(-1)
    return ((chosen * above).sum(-1) + np.minimum((chosen * level).sum(-1), places)) / k


def regret(
    scores: ArrayLike,  # shape: (..., N)
    truth: ArrayLike,  # shape: (..., N)
) -> Floats:  # shape: (...), 0 or more, in the units of truth
    """Loss from taking the subnet that scores best: the best truth minus the truth of that."""
    scores, truth = _pair(scores, truth)
    return truth.max(-1) - (_among_best(scores, 1) * truth).sum(-1)


def stability(
    score_lists: ArrayLike,  # shape: (T, N), T successive evaluations of the same N subnets
    average: int = 1,
) -> float:
    """Mean tau between successive rankings of one training run (S-tau); nan if one is undefined.

    Each ranking is by the mean of the last `average` evaluations; successive ones overlap in all but
    one of these, so figures compare at equal `average` only. After Zhang et al., "Deeper Insights into
    Weight Sharing in Neural Architecture Search", 2020, arXiv 2001.01431.

    Raises:
        ValueError: unless T is larger than `average`.
    """
    lists = np.asarray(score_lists, dtype=float)
    if lists.ndim != 2 or not 1 <= average < len(lists):
        raise ValueError(
            f"score_lists must have shape (T, N) with T > average >= 1, so that there are two "
            f"rankings to compare; got shape {lists.shape} and average={average}."
        )
    windows = np.lib.stride_tricks.sliding_window_view(lists, average, axis=0).mean(-1)
    return float(kendall_tau(windows[1:], windows[:-1]).mean())


def _pair(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    """Both as numbers of one shape (..., N), the leading axes broadcast."""
    a, b = np.asarray(scores, dtype=float), np.asarray(truth, dtype=float)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-1] or not a.shape[-1]:
        raise ValueError(
            f"scores and truth must be of the same N subnets, shape (..., N); "
            f"got {a.shape} and {b.shape}."
        )
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError(
            "scores or truth hold nan, which has no rank; leave those subnets out, or score "
            "one that diverged with -inf."
        )
    a, b = np.broadcast_arrays(a, b)
    return a, b


def _signs(values: Floats, shift: int) -> np.ndarray:
    """For each pair that far apart, 1 if the later is larger, -1 if smaller, 0 if tied."""
    later, earlier = values[..., shift:], values[..., :-shift]
    return (later > earlier).astype(np.int8) - (later < earlier)


def _among_best(values: Floats, k: int) -> Floats:  # shape of values, in [0, 1]
    """The probability of each to be among the best k when ties are broken at random."""
    last = np.partition(values, -k, axis=-1)[..., [-k]]
    above, level = values > last, values == last
    left = k - above.sum(-1, keepdims=True)
    return np.where(above, 1.0, level * left / level.sum(-1, keepdims=True))


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """nan where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(numerator, dtype=float) / np.asarray(denominator, dtype=float)
