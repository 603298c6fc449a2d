"""Cells of NAS-Bench-201: their space, what they cost, and which of them are the same."""

import csv
import functools
import itertools
import lzma
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import nn

from hypernas import Architecture, Choice, SearchSpace

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # from, to: in the order of the string
_STAGES = ((16, 32), (32, 16), (64, 8))  # channels, height; five cells each
_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


def space() -> SearchSpace:
    """An operation for each of the six edges; modules are never built."""
    choices = {f"{a}_{b}": Choice(list(OPERATIONS)) for a, b in EDGES}
    return SearchSpace(choices, lambda _: nn.Identity())


def operations(text: str) -> list[str]:
    """The operations of a string such as "|none~0|+|none~0|none~1|+|...", in the order of `EDGES`."""
    return [part.split("~")[0] for part in text.replace("+", "").split("|") if part]


def architecture(text: str, cells: SearchSpace) -> Architecture:
    return cells.architecture(dict(zip(cells.choices, operations(text), strict=True)))


Term = tuple  # ("x",), ("pool", term) or (convolution, its edge, terms)


def identity(cell: Mapping[str, object]) -> str:
    """The function that a cell computes, as text, the same for two cells if they can compute the same.

    Dead operations are out and skip connections through; the order of sums does not count, nor what convolutions are
    called, each of which has weights of its own: twice the output of one is no sum of two. What a convolution is
    given may be any number of times as large, as a batch norm follows it. Pooling takes averages, and that of a
    sum is the sum of those of its terms. An operation of nothing counts as nothing.
    """
    return _identity(tuple(str(cell[f"{a}_{b}"]) for a, b in EDGES))


@functools.cache
def _identity(operations: tuple[str, ...]) -> str:
    terms = _output(dict(zip(EDGES, operations, strict=True)))
    convolutions = sorted(_convolutions(terms))
    orders = itertools.permutations(range(len(convolutions)))
    return min(_text(terms, dict(zip(convolutions, order, strict=True))) for order in orders)


def _output(cell: Mapping[tuple[int, int], str]) -> list[Term]:
    """The terms whose sum a cell puts out."""
    terms: dict[int, list[Term]] = {0: [("x",)]}
    for node in (1, 2, 3):
        terms[node] = []
        for before in range(node):
            operation, given = cell[before, node], terms[before]
            if operation == "skip_connect":
                terms[node] += given
            elif operation == "avg_pool_3x3":
                terms[node] += [("pool", term) for term in given]
            elif operation != "none" and given:
                terms[node].append((operation, (before, node), tuple(given)))
    return terms[3]


def _convolutions(terms: Iterable[Term]) -> set[tuple[int, int]]:
    found = set()
    for term in terms:
        if term[0] == "pool":
            found |= _convolutions([term[1]])
        elif term[0] != "x":
            found |= {term[1]} | _convolutions(term[2])
    return found


def _text(
    terms: Iterable[Term], numbers: Mapping[tuple[int, int], int], *, scaled: bool = True
) -> str:
    """A sum in order; if it may be of any scale, each term as often as they have no common divisor."""

    def written(term: Term) -> str:
        if term[0] == "x":
            return "x"
        if term[0] == "pool":
            return f"pool({written(term[1])})"
        return f"{term[0]}#{numbers[term[1]]}({_text(term[2], numbers, scaled=False)})"

    counts = Counter(map(written, terms))
    divisor = 1 if scaled or not counts else math.gcd(*counts.values())
    return "+".join(text for text in sorted(counts) for _ in range(counts[text] // divisor))


def parameters(cell: Mapping[str, object]) -> float:
    """Of the 15 cells: convolutions and their norms."""
    kernels = [_KERNELS[str(op)] for op in cell.values() if op in _KERNELS]
    return float(5 * sum(c * c * k * k + 2 * c for c, _ in _STAGES for k in kernels))


def flops(cell: Mapping[str, object]) -> float:
    """Of the 15 cells' convolutions, 2 for each multiply-add."""
    kernels = [_KERNELS[str(op)] for op in cell.values() if op in _KERNELS]
    return float(10 * sum(h * h * c * c * k * k for c, h in _STAGES for k in kernels))


def accuracies(path: Path, column: str, cells: SearchSpace) -> dict[Architecture, float]:
    """The accuracy of each cell, in %, the mean of all that are the same."""
    found: dict[Architecture, float] = {}
    with lzma.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            found[architecture(row["arch_str"], cells)] = float(row[column])
    alike: dict[str, list[float]] = defaultdict(list)
    for cell, value in found.items():
        alike[identity(cell)].append(value)
    return {cell: sum(v := alike[identity(cell)]) / len(v) for cell in found}
