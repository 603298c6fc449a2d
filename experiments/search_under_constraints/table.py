"""Tables of the whole space as measures: what a search asks is looked up."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hypernas import Architecture, SearchSpace

COSTS = {"parameters": "", "flops": "FLOPs", "latency": "ms"}


@dataclass(frozen=True)
class Looked:
    """A measure that is looked up.

    Attributes:
        values: of every architecture of the space, in its order.
    """

    name: str
    values: Mapping[Architecture, float]
    unit: str = ""

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [self.values[architecture] for architecture in architectures]

    def bound(self, quantile: float) -> float:
        """The largest value that so large a part of the space does not exceed."""
        return float(np.quantile(list(self.values.values()), quantile, method="lower"))


@dataclass(frozen=True)
class Judged:
    """Accuracies of every architecture in one trained generator."""

    arm: str
    seed: int
    validation: Looked
    test: Looked


def costs(path: Path, space: SearchSpace) -> dict[str, Looked]:
    """The costs of every architecture, by name."""
    return {name: _column(path, name, name, unit, space) for name, unit in COSTS.items()}


def judged(folder: Path, space: SearchSpace) -> list[Judged]:
    """The generators whose accuracies a folder holds, by arm and seed."""
    found = []
    for path in folder.glob("*_*.csv"):
        arm, _, seed = path.stem.rpartition("_")
        splits = [_column(path, split, "accuracy", "", space) for split in ("validation", "test")]
        found.append(Judged(arm, int(seed), *splits))
    return sorted(found, key=lambda one: (one.arm, one.seed))


def _column(path: Path, column: str, name: str, unit: str, space: SearchSpace) -> Looked:
    with path.open(newline="") as file:
        values = [float(row[column]) for row in csv.DictReader(file)]
    return Looked(name, dict(zip(space.enumerate(), values, strict=True)), unit)
