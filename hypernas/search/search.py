"""Searches: which architectures to evaluate next."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

from hypernas.border import checked
from hypernas.search.evaluated import Evaluated
from hypernas.search.problem import Problem
from hypernas.space import Architecture


class Search(ABC):
    """A method that asks for architectures and is told their values.

    It is deterministic: what it asks follows from its arguments, among them a seed, and from what it
    asked and was told before. So a search is resumed by telling a new one what was recorded, and there
    is no state to save.

    Args:
        problem: what to look for.

    Attributes:
        told: what was told so far, in order. It is the cache: nothing is asked twice.
        asked: all that was asked so far.
    """

    @checked
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.told: list[Evaluated] = []
        self.asked: dict[Architecture, None] = {}

    @final
    def ask(self, num: int) -> list[Architecture]:
        """At most `num` architectures that were not asked before; none when the search is over.

        What was asked is told before the next call.

        Raises:
            Infeasible: if the method finds nothing that meets the constraints on known measures.
        """
        found = [a for a in dict.fromkeys(self.propose(num)) if a not in self.asked][:num]
        self.asked |= dict.fromkeys(found)
        return found

    @final
    def tell(self, evaluated: Sequence[Evaluated]) -> None:
        """Take in the values of architectures that were asked.

        Raises:
            ValueError: if values are missing, or were not asked for.
        """
        names = self.problem.names
        misfits = [
            f"{one.architecture}: expected values of {names}, got {list(one.values)}"
            for one in evaluated
            if any(name not in one.values for name in names)
        ]
        misfits += [
            f"{one.architecture}: was not asked"
            for one in evaluated
            if one.architecture not in self.asked
        ]
        if misfits:
            raise ValueError("a search was told what does not fit:\n  " + "\n  ".join(misfits))
        self.told += evaluated

    @abstractmethod
    def propose(
        self,
        num: int,  # at least 1
    ) -> list[Architecture]:
        """Up to `num` architectures of the space that are not in `asked`, best first."""

    @final
    def ranked(self) -> list[Evaluated]:
        """All that was told, by violation of the constraints, then by the first objective."""
        problem = self.problem
        return sorted(
            self.told,
            key=lambda one: (problem.violation(one.values), problem.losses(one.values)[0]),
        )
