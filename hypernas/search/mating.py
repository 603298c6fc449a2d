"""Mating of architectures, as pymoo's algorithms call it."""

from collections.abc import Container
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.infill import InfillCriterion
from pymoo.core.population import Population
from pymoo.operators.selection.tournament import TournamentSelection

from hypernas.search.genome import Genome
from hypernas.search.region import Region
from hypernas.space import Architecture
from hypernas.space.random_source import unit


class Mating(InfillCriterion):
    """Children of selected parents: uniform crossover, then mutation that gives choices other values.

    Both are those of the search space, so that choices which a child alone has are sampled, and a
    choice may be categorical: operators made for real numbers hardly ever change a gene of three values.

    Args:
        crossover: probability that a child has two parents.
        mutation: probability that it is mutated: a choice takes another value, and each other one does
            with a probability of one by the number of choices.
        asked: architectures that are no child.
    """

    def __init__(
        self,
        genome: Genome,
        region: Region,
        *,
        selection: TournamentSelection,
        crossover: float,
        mutation: float,
        asked: Container[Architecture],
    ) -> None:
        super().__init__(eliminate_duplicates=New(genome, region, asked), n_max_iterations=20)
        self._genome = genome
        self._selection = selection
        self._crossover = crossover
        self._mutation = mutation

    def _do(
        self,
        problem: Any,
        pop: Any,
        n_offsprings: int,
        random_state: Any = None,
        **context: Any,  # what pymoo hands on to the selection
    ) -> Any:
        architectures = [self._genome.decode(one) for one in pop.get("X")]
        pairs = self._selection.do(  # shape: (n_offsprings, 2), positions in the population
            problem, pop, n_offsprings, 2, to_pop=False, random_state=random_state, **context
        )
        children = [self._child(architectures[i], architectures[j], random_state) for i, j in pairs]
        return population(self._genome, children)

    def _child(self, first: Architecture, second: Architecture, rng: Any) -> Architecture:
        space = self._genome.space
        child = space.crossover(first, second, rng) if unit(rng) < self._crossover else first
        if unit(rng) < self._mutation:
            return space.mutate(child, rng, 1 / len(space.choices))
        return child


class New(DuplicateElimination):
    """Removal of architectures that were asked before, stand there twice, or lie outside a region."""

    def __init__(self, genome: Genome, region: Region, asked: Container[Architecture]) -> None:
        super().__init__()
        self._genome = genome
        self._region = region
        self._asked = asked

    def _do(self, pop: Any, other: Any, is_duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
        architectures = [self._genome.decode(genes) for genes in pop.get("X")]
        if other is not None:
            seen = {self._genome.decode(genes) for genes in other.get("X")}
            return np.array([a in seen for a in architectures])
        inside = set(self._region.inside(architectures))
        first = {a: i for i, a in reversed(list(enumerate(architectures)))}
        return np.array(
            [
                a in self._asked or a not in inside or first[a] != i
                for i, a in enumerate(architectures)
            ]
        )


def population(genome: Genome, architectures: list[Architecture]) -> Any:
    """The architectures as a population of pymoo's, of genes (N, G)."""
    genes = np.array([genome.encode(a) for a in architectures], dtype=np.int64)
    return Population.new("X", genes.reshape(len(architectures), len(genome.sizes)))
