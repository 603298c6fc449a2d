"""NSGA-II."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2, binary_tournament
from pymoo.core.evaluator import Evaluator
from pymoo.core.problem import Problem as Genes
from pymoo.core.termination import NoTermination
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.problems.static import StaticProblem

from hypernas.search.genome import Genome
from hypernas.search.mating import Mating, population
from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture
from hypernas.training.settings import check_ranges


class Nsga2(Search):
    """Non-dominated sorting genetic algorithm, for any number of objectives.

    Deb et al., 2002, IEEE Transactions on Evolutionary Computation 6. Tournaments and survival are
    pymoo's, `Mating` is ours. Known constraints are met by every architecture that is asked; of
    others, what violates them less survives. Where mating brings nothing new, random architectures
    take its place.

    Args:
        population: architectures of a generation.
        start: those of the first generation that are not random, where constraints allow them.
        crossover: probability that a child has two parents.
        mutation: probability that a child is mutated.
        seed: of all draws.

    Raises:
        ValueError: if a setting is out of its range.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        population: int = 20,
        start: Sequence[Mapping[str, Any] | str] = ("smallest", "largest"),
        crossover: float = 0.9,
        mutation: float = 0.6,
        seed: int = 0,
    ) -> None:
        super().__init__(problem)
        check_ranges(
            "Nsga2",
            population=(population, (1, math.inf)),
            crossover=(crossover, (0.0, 1.0)),
            mutation=(mutation, (0.0, 1.0)),
            seed=(seed, (0, math.inf)),
        )
        self._population = population
        self._start = [problem.space.named(one) for one in start]
        self._genome = Genome(problem.space)
        self._region = Region(problem)
        self._rng = np.random.default_rng(seed)
        self._generation: list[Architecture] = []
        self._queue: list[Architecture] = []
        mating = Mating(
            self._genome,
            self._region,
            selection=TournamentSelection(func_comp=binary_tournament),
            crossover=crossover,
            mutation=mutation,
            asked=self.asked,
        )
        self._genes = Genes(
            n_var=len(self._genome.sizes), n_obj=len(problem.objectives), n_ieq_constr=1
        )
        self._algorithm = NSGA2(pop_size=population, mating=mating)
        self._algorithm.setup(self._genes, seed=seed, termination=NoTermination())

    def propose(self, num: int) -> list[Architecture]:
        if not self._queue:
            self._generation = self._children() if self._generation else self._first()
            self._queue = list(self._generation)
        found, self._queue = self._queue[:num], self._queue[num:]
        return found

    def _first(self) -> list[Architecture]:
        start = self._region.inside(list(dict.fromkeys(self._start)))[: self._population]
        return [*start, *self._region.draw(self._population - len(start), self._rng, start)]

    def _children(self) -> list[Architecture]:
        """The next generation, once the present one was told."""
        self._survive()
        infills = self._algorithm.infill()
        genes = [] if infills is None else infills.get("X")
        found = [self._genome.decode(one) for one in genes]
        missing = self._population - len(found)
        if missing:
            found += self._region.draw(missing, self._rng, {*self.asked, *found})
        return found

    def _survive(self) -> None:
        """Let the best of the population and of the generation that was told be the population."""
        told = {one.architecture: one.values for one in self.told}
        values = [told[architecture] for architecture in self._generation]
        infills = population(self._genome, self._generation)
        losses = np.array([self.problem.losses(one) for one in values])
        violations = np.array([[self.problem.violation(one)] for one in values])
        Evaluator().eval(StaticProblem(self._genes, F=losses, G=violations), infills)
        self._algorithm.advance(infills=infills)
