"""Layouts that an axis may have, from its two sizes and the sizes that have names."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypernas.slicing.layout import Sum, solved
from hypernas.slicing.slice import Axis, joined

_WORDS = {"two": 2, "three": 3}
_MOST_NAMES = 14

Sizes = Mapping[str, tuple[int, int]]  # name -> in the large network, and in the small one


@dataclass(frozen=True)
class Candidate:
    """An axis written as a sum of products, and the entries that the small network takes of it."""

    axis: Sum
    taken: Axis


def named_sizes(large: Mapping[str, int], small: Mapping[str, int], total: int) -> Sizes:
    """Sizes that both networks have under a name, each pair of sizes under its first name."""
    found: dict[tuple[int, int], str] = {}
    for name, size in large.items():
        pair = size, small.get(name, 0)
        if name.isidentifier() and 1 <= pair[1] <= pair[0] <= total and pair[0] > 1:
            found.setdefault(pair, name)
    pairs = list(found.items())[:_MOST_NAMES]
    return {name: pair for pair, name in pairs}


def candidates(
    large: int,  # size of the axis
    small: int,
    names: Sizes,
    *,
    free: str,  # a name for the factor that is what is left
) -> Iterator[Candidate]:
    """Ways to write the axis, the simplest first; of those that take the same entries the first only."""
    seen: set[tuple[int, ...]] = set()
    ways = (
        _blocks(names, free),
        _sums(names, (large, small)),
        _products(names, free),
        _open_sums(names, free),
    )
    for axis in itertools.chain(*ways):
        taken = _taken(axis, names, (large, small))
        if taken is not None and taken.size == small and taken.indices not in seen:
            seen.add(taken.indices)
            yield Candidate(axis, taken)


def _taken(axis: Sum, names: Sizes, totals: tuple[int, int]) -> Axis | None:
    """Entries that a small axis takes of a large one under an expression; None where sizes do not fit."""
    large, small = (
        solved(axis, _WORDS | {name: pair[i] for name, pair in names.items()}, total)
        for i, total in enumerate(totals)
    )
    if large is None or small is None:
        return None
    parts = []
    for product in axis:
        big, part = ([own[factor] for factor in product] for own in (large, small))
        if any(p > b for b, p in zip(big, part, strict=True)):
            return None
        parts.append(Axis(tuple(big), tuple(slice(0, p) for p in part)))
    return joined(parts)


def _blocks(names: Sizes, free: str) -> Iterator[Sum]:
    """Blocks of what is left, and two or three of them in each block."""
    yield [[free]]
    for factor in (*_WORDS, *names):
        yield [[factor, free]]
    for word, name in itertools.product(_WORDS, names):
        yield [[word, name, free]]
        yield [[name, word, free]]


def _products(names: Sizes, free: str) -> Iterator[Sum]:
    """Blocks of blocks of what is left, then products of which that is another factor."""
    for first, second in itertools.permutations(names, 2):
        yield [[first, second, free]]
    for word, (first, second) in itertools.product(_WORDS, itertools.permutations(names, 2)):
        yield [[word, first, second, free]]
        yield [[first, word, second, free]]
    for factor in (*names, *_WORDS):
        yield [[free, factor]]
    for word, name in itertools.product(_WORDS, names):
        yield [[word, free, name]]
    for first, second in itertools.permutations(names, 2):
        yield [[first, free, second]]


def _open_sums(names: Sizes, free: str) -> Iterator[Sum]:
    """Heads, and fewer heads of keys and values, of what is left."""
    for first, second in itertools.permutations(names, 2):
        for word in ("two", "three"):
            yield [[first, free], [word, second, free]]


def _sums(names: Sizes, totals: tuple[int, int]) -> Iterator[Sum]:
    """Two or three parts, each a named size, a product of two, or several of them, that give the totals."""
    terms: list[tuple[list[str], tuple[int, int]]] = [([n], pair) for n, pair in names.items()]
    terms += [
        ([a, b], (names[a][0] * names[b][0], names[a][1] * names[b][1]))
        for a, b in itertools.permutations(names, 2)
        if names[a][0] * names[b][0] < totals[0]
    ]
    terms += [
        (["two", *factors], (2 * pair[0], 2 * pair[1]))
        for factors, pair in terms
        if 2 * pair[0] < totals[0]
    ]
    by_pair: dict[tuple[int, int], list[list[str]]] = {}
    for factors, pair in terms:
        by_pair.setdefault(pair, []).append(factors)
    for factors, pair in terms:
        rest = totals[0] - pair[0], totals[1] - pair[1]
        for other in by_pair.get(rest, []):
            yield [factors, other]
    distinct = {pair: some[0] for pair, some in by_pair.items()}
    for (p, first), (q, second) in itertools.product(distinct.items(), repeat=2):
        rest = totals[0] - p[0] - q[0], totals[1] - p[1] - q[1]
        if rest in distinct:
            yield [first, second, distinct[rest]]
