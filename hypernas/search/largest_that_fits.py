"""The largest that fits, without a search."""

from hypernas.sampling import nested_family
from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture, SearchSpace


class LargestThatFits(Search):
    """The largest of a sorted family that meets the constraints, the one architecture that is asked.

    After Valipour et al., 2023, arXiv 2309.00255 (SortedNet): where each network of a family contains
    those before it and all were trained together, the largest within a budget is taken for the best.
    Constraints on measures that are not known are told of one after the other, until they hold.

    Args:
        members: of the family that was trained, as `hypernas.sampling.Nested` is given them; None for the diagonal
            of the space, each of whose choices grows as evenly as the others.
    """

    def __init__(self, problem: Problem, *, members: int | None = None) -> None:
        super().__init__(problem)
        problem.check_single()
        self._region = Region(problem)
        space = problem.space
        family = diagonal(space) if members is None else nested_family(space, members)
        self._left = family[::-1]

    def propose(self, num: int) -> list[Architecture]:
        if self.told and not self.problem.violation(self.told[-1].values):
            return []
        while self._left:
            if self._region.inside([largest := self._left.pop(0)]):
                return [largest]
        if not self.asked:
            raise self._region.infeasible()
        return []


def diagonal(space: SearchSpace) -> list[Architecture]:
    """Architectures from the smallest to the largest, each ordered choice at the same share of its values.

    Each has every choice at least as large as the one before it. Categories are the largest's.
    """
    shares = sorted(
        {
            place / (len(choice.values) - 1)
            for choice in space.choices.values()
            if choice.ordered
            for place in range(1, len(choice.values))
        }
        | {0.0}
    )
    found: dict[Architecture, None] = {}
    for share in shares:
        values = {}
        for name, choice in space.choices.items():
            last = len(choice.values) - 1
            place = int(share * last + 1e-9) if choice.ordered else last
            if choice.active(values):
                values[name] = choice.values[place]
        found[space.architecture(values)] = None
    return list(found)
