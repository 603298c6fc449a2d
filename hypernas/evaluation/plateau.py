"""Plateau of stand-alone training: the number of steps beyond which more do not help."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from hypernas.border import checked
from hypernas.evaluation.gap import Measure

Score = Callable[[Any, int, int], float]  # subnet, seed, steps -> measure


CONFIDENCE = 0.9  # of the bound on what more steps would still gain


@dataclass(frozen=True)
class Plateau:
    """The number of steps at which stand-alone training stops getting better.

    Attributes:
        steps: the first number of steps of which it is known that two doublings gain no more than the noise.
        trail: steps -> mean measure over subnets and seeds, of every number of steps tried.
        noise: standard deviation over seeds of one training, pooled over subnets and the last three numbers
            of steps.
        left: what two doublings gain at most, at 90 % confidence, in the units of the measure.
        reached: False if the search ended before; `steps` is then the last number that was tried.
        above_floor: False if at `steps` a trivial predictor is not surely worse.
    """

    steps: int
    trail: dict[int, float]
    noise: float
    left: float
    reached: bool
    above_floor: bool


@checked
def find_plateau(
    score: Score,
    subnets: Mapping[str, Any],
    *,
    steps: int,
    seeds: Sequence[int],
    measure: Measure,
    doublings: int = 5,
    floor: float | None = None,
) -> Plateau:
    """Double the steps of stand-alone training until two doublings surely gain no more than the noise of one run.

    A reference short of its plateau makes every supernet that is trained for long look better than
    training alone. What two doublings gain is bounded from above by Student's t on the mean over all subnets and seeds
    (so that few runs look on, rather than stop by luck), and a number of steps after which subnets do not beat a
    trivial predictor is never a plateau. Doublings that make subnets worse (they overfit) end the search as well.
    Judge on validation.

    Args:
        steps: to begin with.
        seeds: two or more, for the noise; three or more can tell a plateau from luck.
        doublings: to try at most, two or more.
        floor: measure of a trivial predictor; None for a measure that has none.

    Raises:
        ValueError: for fewer than two seeds or doublings, or no subnet.
    """
    if len(set(seeds)) < 2 or not subnets:
        raise ValueError(
            f"the noise of seeds needs two seeds or more and one subnet or more, got {list(seeds)} "
            f"and {len(subnets)} subnets."
        )
    if doublings < 2:
        raise ValueError(f"a plateau is told by two doublings or more, got doublings={doublings}.")
    if steps < 1:
        raise ValueError(f"there are 1 or more steps to begin with, got steps={steps}.")
    rows = {
        taken: [[score(a, seed, taken) for seed in seeds] for a in subnets.values()]
        for taken in (steps, 2 * steps)
    }
    for _ in range(doublings - 1):
        last = max(rows) * 2
        rows[last] = [[score(a, seed, last) for seed in seeds] for a in subnets.values()]
        first, noise, left = last // 4, *_what_is_left(rows, last, measure)
        above = _beats(rows[first], floor, noise, measure)
        if above and left <= noise:
            return Plateau(first, _means(rows), noise, left, True, True)
    above = _beats(rows[last], floor, noise, measure)
    return Plateau(last, _means(rows), noise, left, False, above)


def _what_is_left(
    rows: Mapping[int, list[list[float]]], last: int, measure: Measure
) -> tuple[float, float]:  # noise, bound
    """The noise of a run, and what the last two doublings gained at most."""
    scores = [np.asarray(measure.score(rows[s])) for s in (last // 4, last // 2, last)]
    noise = float(np.mean([own.var(1, ddof=1) for own in scores]) ** 0.5)
    num_subnets, num_seeds = scores[0].shape
    quantile = stats.t.ppf(CONFIDENCE, 3 * num_subnets * (num_seeds - 1))
    error = noise * (2 / (num_subnets * num_seeds)) ** 0.5  # of a difference of means
    return noise, float(scores[2].mean() - scores[0].mean() + quantile * error)


def _beats(rows: list[list[float]], floor: float | None, noise: float, measure: Measure) -> bool:
    """True if a mean is above a trivial predictor's by more than its noise, twice."""
    own = np.asarray(measure.score(rows))
    return floor is None or bool(own.mean() - 2 * noise / own.size**0.5 > measure.score(floor))


def _means(rows: Mapping[int, list[list[float]]]) -> dict[int, float]:
    return {steps: float(np.mean(values)) for steps, values in rows.items()}
