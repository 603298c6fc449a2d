"""Tables of whole spaces as measures: what a search asks is looked up."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypernas import Architecture, SearchSpace


@dataclass(frozen=True)
class Column:
    """A measure that is looked up."""

    name: str
    values: Mapping[Architecture, float]
    unit: str = ""

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [self.values[architecture] for architecture in architectures]


def read(path: Path, space: SearchSpace, names: Sequence[str]) -> dict[str, Column]:
    """Columns of a table of `generate.py`, by name."""
    columns: dict[str, dict[Architecture, float]] = {name: {} for name in names}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            given = {
                name: next(value for value in choice.values if str(value) == row[name])
                for name, choice in space.choices.items()
                if row[name]
            }
            for name in names:
                columns[name][space.architecture(given)] = float(row[name])
    return {name: Column(name, values) for name, values in columns.items()}
