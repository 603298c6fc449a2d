"""Exact sums over variables of few states, by summing out one after the other."""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

States = tuple[int, ...]
# variable, its states that are possible, the running sum of their ways -> which of the states
Pick = Callable[[int, Sequence[int], Sequence[int]], int]


@dataclass(frozen=True)
class Table:
    """Numbers of ways, by the states of some variables; none where no entry is."""

    variables: tuple[int, ...]
    ways: dict[States, int]

    def times(self, other: "Table") -> "Table":
        """The product of both, of the variables of both."""
        shared = [variable for variable in self.variables if variable in other.variables]
        own = [variable for variable in other.variables if variable not in shared]
        here, there = _part(self.variables, shared), _part(other.variables, shared)
        rest = _part(other.variables, own)
        matching: dict[States, list[tuple[States, int]]] = defaultdict(list)
        for states, ways in other.ways.items():
            matching[there(states)].append((rest(states), ways))
        found = {
            (*states, *more): ways * times
            for states, ways in self.ways.items()
            for more, times in matching.get(here(states), ())
        }
        return Table((*self.variables, *own), found)


@dataclass(frozen=True)
class Step:
    """A variable that was summed out.

    Attributes:
        given: its neighbours then, which are known before it when states are drawn.
        states: states of `given` -> its own, and the running sum of their ways.
    """

    variable: int
    given: tuple[int, ...]
    states: dict[States, tuple[list[int], list[int]]]


class Elimination:
    """The product of tables, summed over all variables; and a draw of states in proportion to it.

    Variables with the fewest neighbours are summed out first, among those with equally many the last:
    linear work for chains and trees, which otherwise grows exponentially with the largest number of
    neighbours, of which the treewidth of the graph is the least possible (Dechter, 1999, Artificial
    Intelligence 113).

    Args:
        tables: between them, of each variable at least one.

    Attributes:
        total: the exact sum.
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        of: dict[int, list[Table]] = defaultdict(list)  # variable -> the tables it is in
        for table in tables:
            for variable in table.variables:
                of[variable].append(table)
        self._steps: list[Step] = []
        self.total = 1
        queue = [(_num_neighbours(some), -variable) for variable, some in of.items()]
        heapq.heapify(queue)
        while queue:
            num, negative = heapq.heappop(queue)
            variable = -negative
            if variable not in of or num != _num_neighbours(of[variable]):
                continue  # it is gone, or stands in the queue with another number of neighbours
            step, rest = _summed_out(variable, of.pop(variable))
            self._steps.append(step)
            if not rest.variables:
                self.total *= rest.ways.get((), 0)
            for other in rest.variables:
                of[other] = [table for table in of[other] if variable not in table.variables]
                of[other].append(rest)
                heapq.heappush(queue, (_num_neighbours(of[other]), -other))

    def draw(self, pick: Pick) -> dict[int, int]:
        """States of all variables, one variable after the other, of which `pick` decides each."""
        found: dict[int, int] = {}
        for step in reversed(self._steps):
            states, sums = step.states[tuple([found[variable] for variable in step.given])]
            found[step.variable] = pick(step.variable, states, sums)
        return found


def _part(variables: Sequence[int], some: Sequence[int]) -> Callable[[States], States]:
    """States of `variables` -> those of some of them."""
    places = [variables.index(variable) for variable in some]
    if len(places) == 1:
        (place,) = places
        return lambda states: (states[place],)
    return itemgetter(*places) if places else lambda states: ()


def _num_neighbours(tables: Sequence[Table]) -> int:
    return len({variable for table in tables for variable in table.variables}) - 1


def _summed_out(variable: int, tables: Sequence[Table]) -> tuple[Step, Table]:
    """The step of a variable, and the table of its neighbours that takes the place of its own."""
    product, *others = sorted(tables, key=lambda table: len(table.ways))
    for table in others:
        product = product.times(table)
    given = tuple(other for other in product.variables if other != variable)
    rest, place = _part(product.variables, given), product.variables.index(variable)
    groups: dict[States, list[tuple[int, int]]] = defaultdict(list)
    for states, ways in product.ways.items():
        groups[rest(states)].append((states[place], ways))
    found: dict[States, tuple[list[int], list[int]]] = {}
    for states, some in groups.items():
        own, ways = zip(*sorted(some), strict=True)
        found[states] = list(own), list(itertools.accumulate(ways))
    return Step(variable, given, found), Table(
        given, {s: sums[-1] for s, (_, sums) in found.items()}
    )
