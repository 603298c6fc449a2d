"""The standing of a search: what a new architecture competes with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hypernas.search.evaluated import Evaluated
from hypernas.search.front import Front
from hypernas.search.hurdle import Hurdle, Losses
from hypernas.search.infeasible import Infeasible
from hypernas.search.problem import Problem


@dataclass(frozen=True)
class Standing:
    """The front of what was told so far: fully judged, within the constraints.

    Attributes:
        losses: of its points, lower is better; empty while nothing meets the constraints.
    """

    problem: Problem
    losses: tuple[Losses, ...]

    @staticmethod
    def of(problem: Problem, told: Iterable[Evaluated]) -> "Standing":
        whole = [one for one in told if one.examples is None]
        try:
            points = Front.of(problem, whole).points if whole else ()
        except Infeasible:
            points = ()
        return Standing(problem, tuple(problem.losses(point.values) for point in points))

    def hurdle(self, costs: Mapping[str, float]) -> "Hurdle":
        """The hurdle of an architecture of these costs."""
        problem = self.problem
        return Hurdle(
            tuple((part.name, part.maximize) for part in problem.objectives),
            tuple((part.name, part.bound, part.at_most) for part in problem.constraints),
            dict(costs),
            self.losses,
        )
