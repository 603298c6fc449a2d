"""Which layer of a small network a layer that it lacks is made from."""

import re
from collections.abc import Iterable, Mapping

from hypernas.growth.net import Factors


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


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]
