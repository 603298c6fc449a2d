"""Coarse-to-fine search."""

import itertools
import math
import re
from collections.abc import Mapping

import numpy as np

from hypernas.search.front import Front
from hypernas.search.infeasible import Infeasible
from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture, SearchSpace
from hypernas.space.random_source import below
from hypernas.training.settings import check_ranges

_TRIES = 100  # mutations for one that is new and within the constraints


class CoarseToFine(Search):
    """First architectures whose parts are alike, then random changes of the best of them.

    After BigNAS (Yu et al., 2020, arXiv 2003.11142, section 3.3): a grid of few global settings, the
    same kernel and depth in all stages, and random perturbations, stage by stage, of the best that
    fits. Choices whose names differ in numbers only (`kernel_0_1`, `kernel_1_0`) take the same place
    among their values. With more than one objective, each of the coarse front is changed in turn.

    Args:
        coarse: architectures of the grid at most; of a larger grid, random ones.
        mutation: probability that a choice changes; at least one does.
        seed: of all draws.

    Raises:
        ValueError: if a setting is out of its range.
    """

    def __init__(
        self, problem: Problem, *, coarse: int = 30, mutation: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__(problem)
        check_ranges(
            "CoarseToFine",
            coarse=(coarse, (1, math.inf)),
            mutation=(mutation, (0.0, 1.0)),
            seed=(seed, (0, math.inf)),
        )
        self._mutation = mutation
        self._rng = np.random.default_rng(seed)
        self._region = Region(problem)
        inside = self._region.inside(grid(problem.space, self._rng, coarse))
        self._coarse = inside or self._region.draw(coarse, self._rng)

    def propose(self, num: int) -> list[Architecture]:
        left = [one for one in self._coarse if one not in self.asked]
        if left:
            return left[:num]
        skeletons = self._skeletons()
        found: dict[Architecture, None] = {}
        for i in range(num):
            skeleton = skeletons[i % len(skeletons)]
            for _ in range(_TRIES):
                one = self.problem.space.mutate(skeleton, self._rng, self._mutation)
                if one not in self.asked and one not in found and self._region.inside([one]):
                    found[one] = None
                    break
        missing = num - len(found)
        return [*found, *self._region.draw(missing, self._rng, {*self.asked, *found})]

    def _skeletons(self) -> list[Architecture]:
        """The best of the coarse ones."""
        coarse = self.told[: len(self._coarse)]
        try:
            return [one.architecture for one in Front.of(self.problem, coarse).points]
        except Infeasible:
            return [self.ranked()[0].architecture]


def grid(space: SearchSpace, rng: np.random.Generator, num: int) -> list[Architecture]:
    """At most `num` architectures in which choices of one kind take the same place among their values."""
    sizes: dict[str, int] = {}
    for name, choice in space.choices.items():
        sizes[_kind(name)] = max(sizes.get(_kind(name), 1), len(choice.values))
    if np.prod([float(size) for size in sizes.values()]) <= 64 * num:
        every = [
            _alike(space, sizes, dict(zip(sizes, places, strict=True)))
            for places in itertools.product(*(range(size) for size in sizes.values()))
        ]
        found = list(dict.fromkeys(every))
        while len(found) > num:
            found.pop(below(rng, len(found)))
        return found
    draws = [{kind: below(rng, size) for kind, size in sizes.items()} for _ in range(num)]
    return list(dict.fromkeys(_alike(space, sizes, places) for places in draws))


def _kind(name: str) -> str:
    return re.sub(r"[\W_]*\d+", "", name)


def _alike(space: SearchSpace, sizes: Mapping[str, int], places: Mapping[str, int]) -> Architecture:
    values = {}
    for name, choice in space.choices.items():
        kind, last = _kind(name), len(choice.values) - 1
        share = places[kind] / max(sizes[kind] - 1, 1)
        if choice.active(values):
            values[name] = choice.values[round(share * last)]
    return space.architecture(values)
