"""Plateau of stand-alone training: the number of steps beyond which more do not help."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypernas.evaluation.gap import Measure
from hypernas.space.architecture import Architecture

Score = Callable[[Architecture, int, int], float]  # architecture, seed, steps -> measure


@dataclass(frozen=True)
class Plateau:
    """The number of steps at which stand-alone training stops getting better.

    Attributes:
        steps: the first number of steps whose doubling helped by no more than the noise.
        trail: steps -> mean measure over subnets and seeds, of every number of steps tried.
        noise: standard deviation over seeds at `steps`, pooled over subnets.
        reached: False if doubling still helped when the search ended; `steps` is then the last.
    """

    steps: int
    trail: dict[int, float]
    noise: float
    reached: bool


def find_plateau(
    score: Score,
    subnets: Mapping[str, Architecture],
    *,
    steps: int,
    seeds: Sequence[int],
    measure: Measure,
    doublings: int = 4,
) -> Plateau:
    """Double the steps of stand-alone training until that helps it no more than its seed noise.

    A reference short of its plateau makes every supernet that is trained for long look better than
    training alone. A doubling that makes subnets worse (they overfit) ends the search as well. Judge
    on validation.

    Args:
        steps: to begin with.
        seeds: two or more, for the noise.
        doublings: to try at most.

    Raises:
        ValueError: for fewer than two seeds, or no subnet.
    """
    if len(set(seeds)) < 2 or not subnets:
        raise ValueError(
            f"the noise of seeds needs two seeds or more and one subnet or more, got {list(seeds)} "
            f"and {len(subnets)} subnets."
        )
    trail: dict[int, float] = {}

    def tried(steps: int) -> float:
        """The noise at a number of steps, whose mean is noted."""
        rows = [[score(a, seed, steps) for seed in seeds] for a in subnets.values()]
        trail[steps] = statistics.mean(map(statistics.mean, rows))
        return statistics.mean(map(statistics.variance, rows)) ** 0.5

    noise = tried(steps)
    for _ in range(doublings):
        next_noise = tried(2 * steps)
        before, after = (float(measure.score(trail[s])) for s in (steps, 2 * steps))
        if after - before <= noise:
            return Plateau(steps, trail, noise, True)
        steps, noise = 2 * steps, next_noise
    return Plateau(steps, trail, noise, False)
