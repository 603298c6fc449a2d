"""Counterparts of a large network's tensors in a small one: the same tensor, or the nearest layer's."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hypernas.growth.network import Factors, flat


class Counterpart(NamedTuple):
    """The tensor that a member has for a large one."""

    name: str
    factors: Factors
    owned: bool  # it is the tensor itself, not the nearest one

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the factors of all axes."""
        return flat(self.factors)


def counterpart(
    name: str, large: Mapping[str, Factors], small: Mapping[str, Factors]
) -> Counterpart | None:
    """The counterpart of a tensor; None where no tensor of as many factors is like it.

    Args:
        large, small: the factors of the networks' tensors, by name.
    """
    if name in small:
        return Counterpart(name, small[name], owned=True)
    found = nearest(name, small, large)
    if found is None or [len(a) for a in small[found]] != [len(a) for a in large[name]]:
        return None
    return Counterpart(found, small[found], owned=False)


def nearest(name: str, candidates: Iterable[str], shapes: Mapping[str, Factors]) -> str | None:
    """The tensor of the most similar place: the layer before it in its stage, as a rule.

    Only tensors of the same name but for its numbers are alike ("blocks.2.conv.weight" and
    "blocks.1.conv.weight"). Of these one of equal shape in the large network comes first, then the
    one whose numbers are closest from the left, the earlier of two that are as close.

    Args:
        name: of the tensor that is wanted.
        candidates: tensors of the small network.
        shapes: those of the large network, by name.
    """
    alike = [c for c in candidates if _pattern(c) == _pattern(name)]

    def distance(candidate: str) -> tuple[bool, list[tuple[int, bool]]]:
        pairs = zip(_numbers(name), _numbers(candidate), strict=True)
        steps = [(abs(wanted - there), there > wanted) for wanted, there in pairs]
        return shapes.get(candidate) != shapes[name], steps

    return min(alike, key=distance, default=None)


def channels(
    name: str, size: int, small: Mapping[str, Factors], large: Mapping[str, Factors]
) -> int | None:
    """Number of channels that become `size` around a layer: in its block, else stage, else anywhere.

    Args:
        name: of a tensor of that layer.
        small, large: the factors of the networks' tensors, by name.

    Returns:
        None where there are none there, or several numbers.
    """
    around = name.split(".")[:-1]
    for depth in range(len(around), -1, -1):
        inside = "".join(f"{part}." for part in around[:depth])
        found = {
            own
            for other, factors in small.items()
            if other.startswith(inside) and other in large
            for own, there in zip(flat(factors), flat(large[other]), strict=False)
            if own < there == size
        }
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]
