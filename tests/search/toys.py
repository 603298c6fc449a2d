"""Spaces and measures that are known exactly, for searches to be tried on."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from hypernas import Architecture, Choice, SearchSpace
from hypernas.search import Genome, Objective, Problem


@dataclass(frozen=True)
class Table:
    """A measure that is a function of genes, and counts what it was asked."""

    name: str
    genome: Genome
    value: Callable[[Sequence[int]], float]
    asked: list[Architecture]
    unit: str = ""

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        self.asked.extend(architectures)
        return [self.value(self.genome.encode(a)) for a in architectures]


def measure(space: SearchSpace, name: str, value: Callable[[Sequence[int]], float]) -> Table:
    return Table(name, Genome(space), value, [])


def plain(num: int = 6, values: int = 3) -> SearchSpace:
    """Choices without conditions."""
    return SearchSpace(
        {f"width_{i}": list(range(values)) for i in range(num)}, lambda _: nn.Linear(1, 1)
    )


def conditional() -> SearchSpace:
    """A depth that brings choices with it, one of them categorical: 3 + 9 + 27 times 2."""
    choices = {"depth": Choice([1, 2, 3]), "act": Choice(["relu", "gelu"])}
    for i in range(3):
        choices[f"width_{i}"] = Choice([8, 16, 32], when={"depth": list(range(i + 1, 4))})
    return SearchSpace(choices, lambda _: nn.Linear(1, 1))


def trade(space: SearchSpace) -> tuple[Problem, list[Table]]:
    """Two objectives at odds, with an interaction: the more, the better and the dearer."""

    def good(genes: Sequence[int]) -> float:
        bonus = sum(a == b > 0 for a, b in itertools.pairwise(genes))
        return sum((g + 1) ** 0.5 * (i + 1) for i, g in enumerate(genes)) + bonus

    def dear(genes: Sequence[int]) -> float:
        return float(sum((g + 1) * (len(genes) - i) for i, g in enumerate(genes)))

    measures = [measure(space, "good", good), measure(space, "dear", dear)]
    problem = Problem(space, [Objective("good", maximize=True), Objective("dear")])
    return problem, measures
