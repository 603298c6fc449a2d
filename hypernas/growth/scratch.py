"""No growth: the large network from scratch."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypernas.generators import Generator
from hypernas.growth.growth import Growth, ordinary
from hypernas.space import SearchSpace


class Scratch(Growth):
    """The large network with the builder's own initialisation; it uses no members."""

    def __init__(self) -> None:
        super().__init__(_drawn, max_members=0)


def _drawn(
    members: Sequence[Generator], space: SearchSpace, *, to: Mapping[str, Any] | str, seed: int
) -> Generator:
    return ordinary(space, architecture=to, seed=seed)
