"""Number of architectures, and a draw among all of them, without going through them."""

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

from hypernas.space.architecture import Value
from hypernas.space.choice import Choice
from hypernas.space.elimination import Elimination, Table
from hypernas.space.random_source import below

_ABSENT = -1  # the state of a choice that is not there; else it is the position of its value


class Census:
    """Count of the architectures of some choices, each as likely as any other when one is drawn.

    Choices are variables, and so is, for each condition of a choice, whether it and those before it
    hold. Trees and chains of conditions are counted in linear time, however many architectures they
    make (see `Elimination` for others).

    Args:
        choices: each depends only on some that stand before it.

    Attributes:
        size: the number of architectures.
    """

    def __init__(self, choices: Mapping[str, Choice]) -> None:
        self._choices = dict(choices)
        self._elimination = Elimination(self._tables())
        self.size = self._elimination.total

    def draw(self, rng: Any) -> dict[str, Value]:
        """The active choices of a random architecture; without conditions, each value is one draw."""
        num_choices = len(self._choices)

        def pick(variable: int, states: Sequence[int], sums: Sequence[int]) -> int:
            if len(states) == 1 and (states[0] == _ABSENT or variable >= num_choices):
                return states[0]
            return states[bisect.bisect_right(sums, below(rng, sums[-1]))]

        states = self._elimination.draw(pick)
        return {
            name: choice.values[states[i]]
            for i, (name, choice) in enumerate(self._choices.items())
            if states[i] != _ABSENT
        }

    def _tables(self) -> list[Table]:
        position = {name: i for i, name in enumerate(self._choices)}
        num_variables = len(self._choices)
        found: list[Table] = []
        for i, choice in enumerate(self._choices.values()):
            values = range(len(choice.values))
            so_far = None  # the variable that tells whether all conditions looked at hold
            for parent, allowed in choice.when.items():
                holds = [value in allowed for value in self._choices[parent].values]
                holds.append(False)  # where it is absent: state -1
                found.append(_condition(num_variables, so_far, position[parent], holds))
                so_far, num_variables = num_variables, num_variables + 1
            if so_far is None:
                found.append(Table((i,), {(value,): 1 for value in values}))
            else:
                there = {(1, value): 1 for value in values}
                found.append(Table((so_far, i), {(0, _ABSENT): 1} | there))
        return found


def _condition(variable: int, so_far: int | None, parent: int, holds: Sequence[bool]) -> Table:
    """One way wherever `variable` is 1 if those before it and the parent's state allow, else 0.

    Args:
        so_far: the variable of the conditions before, if there are any.
        holds: by the parent's states, the last of which is to be absent.
    """
    states = range(_ABSENT, len(holds) - 1)
    if so_far is None:
        return Table((parent, variable), {(s, int(holds[s])): 1 for s in states})
    ways = {(b, s, int(b and holds[s])): 1 for b in (0, 1) for s in states}
    return Table((so_far, parent, variable), ways)
