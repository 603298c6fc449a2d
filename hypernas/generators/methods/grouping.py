"""Groups: partitions of the architectures of a search space."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import torch

from hypernas.space import SearchSpace
from hypernas.space.encoding import Encoding

Kind = Literal["random", "choice", "similar"]


class Grouping(ABC):
    """Architecture -> group, 0 to `num` - 1; a pure function."""

    def __init__(self, space: SearchSpace, *, num: int) -> None:
        if num < 1:
            raise ValueError(f"there must be 1 or more groups, got {num}.")
        self.space, self.num = space, num

    @abstractmethod
    def __call__(self, architecture: Mapping[str, Any]) -> int:
        """The group of an architecture of the space."""

    @abstractmethod
    def words(self) -> str:
        """Words that tell this grouping from others."""


class RandomGroups(Grouping):
    """By a hash of the architecture and a seed."""

    def __init__(self, space: SearchSpace, *, num: int, seed: int = 0) -> None:
        super().__init__(space, num=num)
        self.seed = seed

    def __call__(self, architecture: Mapping[str, Any]) -> int:
        return self.space.architecture(architecture).digest(self.seed) % self.num

    def words(self) -> str:
        return f"{self.num} random groups under seed {self.seed}"


class ChoiceGroups(Grouping):
    """By the value of one choice: its values in their order, in runs of about equal length.

    Architectures in which the choice is not active are in group 0.

    Raises:
        ValueError: if there is no such choice, or it has fewer values than there are groups.
    """

    def __init__(self, space: SearchSpace, *, num: int, choice: str | None) -> None:
        super().__init__(space, num=num)
        if choice not in space.choices:
            raise ValueError(
                f"grouping by a choice needs one of {list(space.choices)}, got choice={choice!r}."
            )
        self.choice, self.values = choice, space.choices[choice].values
        if num > len(self.values):
            raise ValueError(
                f"{choice} has the {len(self.values)} values {list(self.values)}, which cannot make "
                f"{num} groups."
            )

    def __call__(self, architecture: Mapping[str, Any]) -> int:
        architecture = self.space.architecture(architecture)
        if self.choice not in architecture:
            return 0
        return self.values.index(architecture[self.choice]) * self.num // len(self.values)

    def words(self) -> str:
        return f"{self.num} groups by {self.choice}"


class SimilarGroups(Grouping):
    """By the nearest of `num` random architectures, in the Euclidean distance of the encodings.

    Raises:
        ValueError: if the space has fewer architectures than there are groups.
    """

    def __init__(self, space: SearchSpace, *, num: int, seed: int = 0) -> None:
        super().__init__(space, num=num)
        if num > space.size:
            raise ValueError(f"{space.size} architectures cannot make {num} groups.")
        self.seed = seed
        rng = torch.Generator().manual_seed(seed)
        if num > space.size // 2:
            every = list(space.enumerate())
            centres = [every[int(i)] for i in torch.randperm(len(every), generator=rng)[:num]]
        else:
            distinct: dict[Any, None] = {}
            while len(distinct) < num:
                distinct[space.sample_choices(rng)] = None
            centres = list(distinct)
        self._encoding = Encoding(space)
        self._centres = torch.stack([self._encoding(centre) for centre in centres])

    def __call__(self, architecture: Mapping[str, Any]) -> int:
        distances = (self._centres - self._encoding(architecture)).square().sum(1)
        return int(distances.argmin())

    def words(self) -> str:
        return f"{self.num} groups of similar architectures under seed {self.seed}"


def grouping_of(
    space: SearchSpace, kind: Kind, *, num: int, choice: str | None = None, seed: int = 0
) -> Grouping:
    """The grouping of a kind.

    Raises:
        ValueError: for an unknown kind, or what that kind raises.
    """
    match kind:
        case "random":
            return RandomGroups(space, num=num, seed=seed)
        case "choice":
            return ChoiceGroups(space, num=num, choice=choice)
        case "similar":
            return SimilarGroups(space, num=num, seed=seed)
    raise ValueError(f"grouping must be random, choice or similar, got {kind!r}.")
