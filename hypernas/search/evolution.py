"""Evolution of one objective under constraints."""

import math

import numpy as np

from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture
from hypernas.space.random_source import below, unit
from hypernas.training.settings import check_ranges

_TRIES = 100  # children made for one that is new and within the constraints


class Evolution(Search):
    """Children of the best so far, half of them mutants and half crossovers, within the constraints.

    As Once-for-all (Cai et al., 2020, arXiv 1908.09791: population 100, a quarter of it parents, a
    choice mutates with 0.1) and HAT (Wang et al., 2020, arXiv 2005.14187: 125, 25, 0.3) search on
    their predictors; the population is smaller here, as evaluations are dear. Parents are the best
    of all that was told, which is the same as of the last population where parents survive.
    Constraints that are not known are met after the fact: less violation first, then the objective.

    Args:
        population: random architectures at the start; children are made once they are told.
        num_parents: the best so far, of which children are made.
        mutation: probability that a choice of a mutant takes another value; at least one does.
        crossover: share of children that have two parents.
        seed: of all draws.

    Raises:
        ValueError: if the problem has more than one objective, or a setting is out of its range.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        population: int = 20,
        num_parents: int = 10,
        mutation: float = 0.1,
        crossover: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(problem)
        check_ranges(
            "Evolution",
            population=(population, (1, math.inf)),
            num_parents=(num_parents, (1, math.inf)),
            mutation=(mutation, (0.0, 1.0)),
            crossover=(crossover, (0.0, 1.0)),
            seed=(seed, (0, math.inf)),
        )
        problem.check_single()
        self._population = population
        self._num_parents = num_parents
        self._mutation = mutation
        self._crossover = crossover
        self._region = Region(problem)
        self._rng = np.random.default_rng(seed)

    def propose(self, num: int) -> list[Architecture]:
        if len(self.asked) < self._population:
            num = min(num, self._population - len(self.asked))
            return self._region.draw(num, self._rng, self.asked)
        parents = [one.architecture for one in self.ranked()[: self._num_parents]]
        found: dict[Architecture, None] = {}
        for _ in range(num):
            for _ in range(_TRIES):
                child = self._child(parents)
                new = child not in self.asked and child not in found
                if new and self._region.inside([child]):
                    found[child] = None
                    break
        missing = num - len(found)
        return [*found, *self._region.draw(missing, self._rng, {*self.asked, *found})]

    def _child(self, parents: list[Architecture]) -> Architecture:
        space, rng = self.problem.space, self._rng
        first = parents[below(rng, len(parents))]
        if unit(rng) < self._crossover:
            return space.crossover(first, parents[below(rng, len(parents))], rng)
        return space.mutate(first, rng, self._mutation)
