"""No growth: the large network from scratch."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypernas.generators import Generator, shared
from hypernas.growth.growth import Growth
from hypernas.growth.single import single
from hypernas.optimization import Memory
from hypernas.space import SearchSpace


class Scratch(Growth):
    """The large network with the builder's own initialisation; it uses no members."""

    max_members = 0

    def member(
        self, space: SearchSpace, architecture: Mapping[str, Any] | str, *, seed: int
    ) -> Generator:
        return shared(single(space, architecture), seed=seed)

    def grow(
        self,
        members: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Generator:
        return shared(single(space, to), seed=seed)

    def inherit(self, memories: Sequence[Memory]) -> Memory:
        """Nothing: there is nobody to inherit from."""
        return {}
