"""Groups: partitions of the architectures of a search space."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.encoding import Encoding
from hypernas.subnet.sizes import SizeParts

_ENUMERATED = 100_000

Kind = Literal["random", "sequential", "choice", "similar", "size", "gradient"]


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


class SequentialGroups(Grouping):
    """By the order in which the space is enumerated, in runs of equal length.

    Raises:
        ValueError: if the space is too large to be enumerated, or has fewer architectures than groups.
    """

    def __init__(self, space: SearchSpace, *, num: int) -> None:
        super().__init__(space, num=num)
        every = _every(space, num)
        self._place = {architecture: i for i, architecture in enumerate(every)}

    def __call__(self, architecture: Mapping[str, Any]) -> int:
        place = self._place[self.space.architecture(architecture)]
        return place * self.num // len(self._place)

    def words(self) -> str:
        return f"{self.num} groups in sequence"


class SizeGroups(Grouping):
    """By number of parameters: see `hypernas.subnet.sizes.SizeParts`.

    AutoDistil (Xu et al., 2022, arXiv 2201.12507) has a supernet for each of three sub-spaces by size, which its authors
    wrote down.
    """

    def __init__(self, space: SearchSpace, *, num: int) -> None:
        super().__init__(space, num=num)
        self.parts = SizeParts(space, num)

    def __call__(self, architecture: Mapping[str, Any]) -> int:
        return self.parts(self.space.architecture(architecture))

    def words(self) -> str:
        return f"{self.num} groups by size, from {self.parts.bounds}"


class ValueGroups(Grouping):
    """By the values of choices, which are decided while training goes on; until then all are in group 0.

    A group may be split again, by another choice. Architectures in which the choice is not active stay in the group.

    Attributes:
        splits: those decided, in their order: the group, the choice, and the group of each of its values.
    """

    def __init__(self, space: SearchSpace, *, num: int) -> None:
        super().__init__(space, num=num)
        self.splits: list[tuple[int, str, list[int]]] = []

    def decide(self, choice: str, groups: Sequence[int], *, of: int = 0) -> None:
        """Divide a group by these from now on.

        Raises:
            ValueError: if they are not one group, from 0 to `num` - 1, for each value, or it was divided by that choice.
        """
        values = self.space.choices[choice].values
        if len(groups) != len(values) or not {*groups} <= {*range(self.num)}:
            raise ValueError(
                f"the values {list(values)} of {choice} need a group each, 0 to {self.num - 1}, got {list(groups)}."
            )
        if choice in self.held(of):
            raise ValueError(f"group {of} was divided by {choice} already: take another choice.")
        self.splits.append((of, choice, list(groups)))

    def held(self, group: int) -> dict[str, list[Any]]:
        """Choice -> those of its values that a group has, of the choices that it was divided by."""
        found: dict[int, dict[str, list[Any]]] = {}
        for of, choice, groups in self.splits:
            before, values = found.get(of, {}), self.space.choices[choice].values
            for own in {*groups}:
                mine = [v for v, g in zip(values, groups, strict=True) if g == own]
                found[own] = {**before, choice: mine}
        return found.get(group, {})

    def __call__(self, architecture: Mapping[str, Any]) -> int:
        architecture, group = self.space.architecture(architecture), 0
        for of, choice, groups in self.splits:
            if of == group and choice in architecture:
                values = self.space.choices[choice].values
                group = groups[values.index(architecture[choice])]
        return group

    def words(self) -> str:
        return json.dumps({"num": self.num, "splits": self.splits})

    def restore(self, words: str) -> None:
        """Become the grouping of some `words`.

        Raises:
            ValueError: if they are of another number of groups, or not of this kind.
        """
        saved: dict[str, Any] = json.loads(words) if words.startswith("{") else {"num": None}
        if saved["num"] != self.num:
            raise ValueError(f"the state is of other groups: {words}; these are {self.words()}.")
        self.splits = [(of, choice, list(groups)) for of, choice, groups in saved["splits"]]


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
        case "sequential":
            return SequentialGroups(space, num=num)
        case "size":
            return SizeGroups(space, num=num)
        case "gradient":
            return ValueGroups(space, num=num)
    raise ValueError(f"grouping must be one of {', '.join(get_args(Kind))}, got {kind!r}.")


def _every(space: SearchSpace, num: int) -> list[Architecture]:
    """All architectures.

    Raises:
        ValueError: if they are fewer than the groups, or too many.
    """
    if not num <= space.size <= _ENUMERATED:
        raise ValueError(
            f"groups in sequence are made of {num} to {_ENUMERATED:,} architectures, the space has {space.size:,}: "
            f"take grouping=random or similar."
        )
    return list(space.enumerate())
