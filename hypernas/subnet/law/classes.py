"""Axes that are likely to be written alike, and the combinations of what they may be."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hypernas.subnet.law.candidates import Candidate

if TYPE_CHECKING:
    from hypernas.subnet.law.pair import Pair

Unit = tuple[str, int]  # parameter, and which of its axes

_MOST_OPTIONS = 16  # of a class, where several are tried at once


def classes_of(pair: "Pair", units: Sequence[Unit]) -> Iterator[list[list[Unit]]]:
    """Axes that are written alike: all of the same sizes; then those of one module; then each."""

    def place(unit: Unit) -> int:
        return unit[1] if len(pair.slices[unit[0]].axes) > 1 else 0

    keys = [
        lambda unit: (pair.pair(unit),),
        lambda unit: (pair.pair(unit), place(unit)),
        lambda unit: (pair.pair(unit), place(unit), unit[0].rpartition(".")[0]),
        lambda unit: unit,
    ]
    seen: list[list[list[Unit]]] = []
    for key in keys:
        groups: dict[object, list[Unit]] = {}
        for unit in units:
            groups.setdefault(key(unit), []).append(unit)
        found = list(groups.values())
        if found and found not in seen:
            seen.append(found)
            yield found


def trials_of(pair: "Pair", units: Sequence[Unit], *, most: int) -> Iterator[dict[Unit, Candidate]]:
    """Candidates for some axes: in one class of them, then in two at once, then in three; the simplest first.

    Args:
        most: how many for each number of classes and each way to make them.
    """
    ways = list(classes_of(pair, units))
    for num in range(1, 4):
        for classes in ways:
            yield from itertools.islice(_products(pair, classes, num), most)


def _products(
    pair: "Pair", classes: Sequence[Sequence[Unit]], num: int
) -> Iterator[dict[Unit, Candidate]]:
    """A candidate other than the first, which is a prefix, for `num` of the classes."""
    options = [pair.candidates(group[0])[: _MOST_OPTIONS if num > 1 else None] for group in classes]
    found = [
        (sum(ranks), chosen, ranks)
        for chosen in itertools.combinations(range(len(classes)), num)
        for ranks in itertools.product(*(range(1, len(options[i])) for i in chosen))
    ]
    for _, chosen, ranks in sorted(found):
        yield {
            unit: options[i][rank]
            for i, rank in zip(chosen, ranks, strict=True)
            for unit in classes[i]
        }


def pattern_of(name: str) -> str:
    """The name of a parameter with every number of a block left open."""
    return re.sub(r"(^|\.)\d+(?=\.)", r"\1*", name)
