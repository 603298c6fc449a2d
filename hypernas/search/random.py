"""Random search."""

import math

import numpy as np

from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture
from hypernas.training.settings import check_ranges


class Random(Search):
    """Distinct architectures, each of those that meet the known constraints as likely as any other.

    But where a larger space has so few of these that a thousand draws find none: there the first is the
    nearest to the least violation that was seen, often the smallest, and the others are neighbours of
    those before. See `Region.draw`.

    Args:
        seed: of the draws.

    Raises:
        ValueError: if a setting is out of its range.
    """

    def __init__(self, problem: Problem, *, seed: int = 0) -> None:
        super().__init__(problem)
        check_ranges("Random", seed=(seed, (0, math.inf)))
        self._region = Region(problem)
        self._rng = np.random.default_rng(seed)

    def propose(self, num: int) -> list[Architecture]:
        return self._region.draw(num, self._rng, self.asked)
