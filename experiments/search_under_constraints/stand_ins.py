"""What is lost where a search is told another cost than the latency that is limited?

A front of accuracy and the other cost is found, its points are measured, and the best that meets the limit is
deployed; or the other cost is limited instead, at a level that allows as much of the space.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from table import Judged, Looked

from hypernas import Architecture, SearchSpace
from hypernas.search import Evaluated, Front, Linas, Objective, Problem
from hypernas.search import run as searched

LIMITED = "latency"


def problem(space: SearchSpace, cost: str) -> Problem:
    return Problem(space, [Objective("accuracy", maximize=True), Objective(cost)])


def evaluated(some: Sequence[Architecture], one: Judged, cost: Looked) -> list[Evaluated]:
    accuracies, values = one.validation.values, cost.values
    return [Evaluated(a, {"accuracy": accuracies[a], cost.name: values[a]}) for a in some]


def whole(space: SearchSpace, one: Judged, cost: Looked) -> list[Architecture]:
    """The true front of accuracy and a cost."""
    front = Front.of(problem(space, cost.name), evaluated(list(cost.values), one, cost))
    return [point.architecture for point in front.points]


def by_linas(
    space: SearchSpace, one: Judged, cost: Looked, *, num: int, seed: int
) -> list[Architecture]:
    """The front that a search of accuracy and a cost ends with."""
    search = Linas(problem(space, cost.name), seed=seed)
    for _ in searched(search, [one.validation, cost], num_evaluations=num):
        pass
    front = Front.of(search.problem, search.told)
    return [point.architecture for point in front.points]


def volume(some: Sequence[Architecture], space: SearchSpace, one: Judged, latency: Looked) -> float:
    """Hypervolume of accuracy on validation and latency, which all of them are measured for.

    From the accuracy of the smallest network and the highest latency of the space.
    """
    reference = {
        "accuracy": one.validation.values[space.smallest()],
        LIMITED: max(latency.values.values()),
    }
    front = Front.of(problem(space, LIMITED), evaluated(some, one, latency))
    return front.hypervolume(reference)


def deployed(
    some: Sequence[Architecture], space: SearchSpace, one: Judged, latency: Looked, limit: float
) -> Architecture:
    """The best on validation that meets the limit when measured; the smallest where none does."""
    within = [a for a in some if latency.values[a] <= limit] or [space.smallest()]
    return max(within, key=one.validation.values.__getitem__)


def rows(
    space: SearchSpace,
    one: Judged,
    costs: Mapping[str, Looked],
    quantiles: Sequence[float],
    *,
    num: int,
    num_searches: int,
) -> Iterator[dict]:
    """Rows of one generator: what each cost is told leads to, in three ways and under each limit."""
    latency = costs[LIMITED]
    all_of_it = volume(list(latency.values), space, one, latency)
    for told, cost in costs.items():
        ways = {
            "whole": [whole(space, one, cost)],
            "linas": [by_linas(space, one, cost, num=num, seed=s) for s in range(num_searches)],
        }
        for way, fronts in ways.items():
            share = statistics.fmean(volume(f, space, one, latency) for f in fronts) / all_of_it
            for quantile in quantiles:
                limit = latency.bound(quantile)
                chosen = [deployed(front, space, one, latency, limit) for front in fronts]
                yield row(one, told, way, quantile, chosen) | {
                    "points": statistics.fmean(map(len, fronts)),
                    "volume": round(share, 6),
                    "over": "",
                    "excess": "",
                }
        for quantile in quantiles:
            yield limited_instead(space, one, cost, latency, quantile)


def limited_instead(
    space: SearchSpace, one: Judged, cost: Looked, latency: Looked, quantile: float
) -> dict:
    """Limit a cost at the level that as much of the space meets as meets the limit on latency.

    The row tells whether the best at that level breaks the limit, and by which part of it; and of what
    is deployed, the best at that level that does not.
    """
    level, limit = cost.bound(quantile), latency.bound(quantile)
    some = [a for a, value in cost.values.items() if value <= level]
    first = max(some, key=one.validation.values.__getitem__)
    chosen = deployed(some, space, one, latency, limit)
    return row(one, cost.name, "level", quantile, [chosen]) | {
        "points": len(some),
        "volume": "",
        "over": int(latency.values[first] > limit),
        "excess": round(max(0.0, latency.values[first] / limit - 1), 6),
    }


def row(one: Judged, told: str, way: str, quantile: float, chosen: Sequence[Architecture]) -> dict:
    """What a cost led to, and the accuracies of what is deployed, means over searches."""
    return {
        "arm": one.arm,
        "seed": one.seed,
        "told": told,
        "way": way,
        "quantile": quantile,
        "validation": round(statistics.fmean(one.validation(chosen)), 6),
        "test": round(statistics.fmean(one.test(chosen)), 6),
    }
