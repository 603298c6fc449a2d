"""Cells of NAS-Bench-201: their space, what they cost, and which of them are the same."""

import csv
import lzma
from collections import defaultdict
from collections.abc import Mapping
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


def identity(cell: Mapping[str, object]) -> str:
    """The function that a cell computes, as text: dead operations out, sums in order, skips through.

    An operation of nothing counts as nothing. The same for two cells if they are the same in this sense.
    """
    terms: dict[int, list[str]] = {0: ["x"]}
    for node in (1, 2, 3):
        terms[node] = []
        for before in range(node):
            operation, given = str(cell[f"{before}_{node}"]), terms[before]
            if operation == "skip_connect":
                terms[node] += given
            elif operation != "none" and given:
                terms[node].append(f"{operation}({'+'.join(sorted(given))})")
    return "+".join(sorted(terms[3]))


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
