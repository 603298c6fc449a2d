"""Stages between members and the large network: a second interface of growth, asked for at one place."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from hypernas.generators import Generator
from hypernas.space import SearchSpace


class Stages(ABC):
    """A growth whose large network is assembled of parts that are trained apart from one another.

    A stage needs the members alone, so stages can be trained in any order, and at once. `Growth` is
    three functions of members; this is beside it because what is trained here is neither a
    member nor the large network.
    """

    @abstractmethod
    def num_stages(
        self, space: SearchSpace, member: Mapping[str, Any] | str, *, to: Mapping[str, Any] | str
    ) -> int:
        """Number of stages from a member's architecture to a large one."""

    @abstractmethod
    def stage(
        self,
        i: int,
        members: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Generator:
        """The generator to be trained in stage `i`, from trained members, which stay as they are."""

    @abstractmethod
    def assemble(
        self,
        members: Sequence[Generator],
        stages: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Generator:
        """A generator of the large architecture, from the members and all stages."""
