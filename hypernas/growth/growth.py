"""A method of growth: what small networks are, and what large one they become."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from hypernas.generators import Generator
from hypernas.optimization import Memory
from hypernas.space import SearchSpace


class Growth(ABC):
    """Trained small networks -> a large one.

    Attributes:
        max_members: how many small networks it can use; None for any number.
    """

    max_members: int | None = None

    @abstractmethod
    def member(
        self, space: SearchSpace, architecture: Mapping[str, Any] | str, *, seed: int
    ) -> Generator:
        """An untrained generator of one small architecture."""

    @abstractmethod
    def grow(
        self,
        members: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Generator:
        """A generator of the large architecture; the members stay as they are."""

    @abstractmethod
    def inherit(self, memories: Sequence[Memory]) -> Memory:
        """What an optimizer kept of each member's parameters, by their names in the large generator."""


def untrained(
    space: SearchSpace,
    *,
    growth: Growth,
    members: Sequence[Mapping[str, Any] | str],
    to: Mapping[str, Any] | str = "largest",
    phase: int,
    seed: int = 0,
) -> Generator:
    """The generator of a phase of growth as it is before anything is trained.

    It has the parameters, by name and shape, of the one that was trained, so a checkpoint of the
    phase can be loaded into it.

    Args:
        growth: the method.
        members: the small architectures.
        to: the large one.
        phase: of which member, from 0; the number of members for the grown network.
        seed: as in the run.
    """
    if phase < len(members):
        return growth.member(space, members[phase], seed=seed + phase)
    own = [growth.member(space, a, seed=seed + m) for m, a in enumerate(members)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that a checkpoint is to replace
        return growth.grow(own, space, to=to, seed=seed)
