"""NSGA-II against the true front of a space of 65,536 architectures."""

import itertools

import numpy as np
from toys import plain, trade

from hypernas.search import Front, Nsga2, hypervolume, run


def true_volume(num: int, values: int, reference: tuple[float, float]) -> float:
    """Of the measures of `toys.trade`, computed for all genes at once."""
    genes = np.array(list(itertools.product(range(values), repeat=num)))
    places = np.arange(num)
    bonus = ((genes[:, 1:] == genes[:, :-1]) & (genes[:, 1:] > 0)).sum(1)
    good = ((genes + 1) ** 0.5 * (places + 1)).sum(1) + bonus
    dear = ((genes + 1) * (num - places)).sum(1)
    best = [(-good[dear == cost].max(), float(cost)) for cost in np.unique(dear)]
    return hypervolume(best, reference)


def test_a_thousand_evaluations_bring_99_percent_of_the_hypervolume():
    space = plain(8, values=4)
    problem, measures = trade(space)
    search = Nsga2(problem, population=50)
    list(run(search, measures, num_evaluations=1000, num_at_once=50))
    found = Front.of(problem, search.told).hypervolume({"good": 36.0, "dear": 144.0})
    assert found / true_volume(8, 4, (-36.0, 144.0)) >= 0.99
