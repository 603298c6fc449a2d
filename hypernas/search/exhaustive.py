"""Exhaustive search."""

import itertools
import math

from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture
from hypernas.training.settings import check_ranges


class Exhaustive(Search):
    """Every architecture that meets the known constraints, in the order of choices and values.

    Args:
        limit: the size of a space beyond which this is refused.

    Raises:
        ValueError: if the space is larger, or the limit below 1.
        Infeasible: if nothing meets the constraints, once all was gone through.
    """

    def __init__(self, problem: Problem, *, limit: int = 10_000) -> None:
        super().__init__(problem)
        check_ranges("Exhaustive", limit=(limit, (1.0, math.inf)))
        size = problem.space.size
        if size > limit:
            raise ValueError(
                f"the space has {size:,} architectures, and an exhaustive search goes through at most "
                f"{limit:,}. Use another search, or a larger limit."
            )
        self._region = Region(problem)
        self._left = problem.space.enumerate()

    def propose(self, num: int) -> list[Architecture]:
        found: list[Architecture] = []
        while batch := list(itertools.islice(self._left, num - len(found))):
            self._region.settle(batch)  # nothing is left out by an estimate
            found += self._region.inside(batch)
        if not found and not self.asked:
            raise self._region.infeasible()
        return found
