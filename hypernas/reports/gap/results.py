"""Results of studies of the gap: inherited against stand-alone, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hypernas.reports import csv_file

# Legend: A arms, B budgets, S seeds, N subnets.

COLUMNS = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "budget": csv_file.finite,
    "steps": csv_file.whole,
    "lr": csv_file.finite,
    "train_flops": csv_file.finite,
    "subnet": csv_file.word,
    "architecture": csv_file.mapping,
    "params": csv_file.finite,
    "macs": csv_file.finite,
    "measure": csv_file.one_of("accuracy", "cross_entropy"),
    "inherited": csv_file.finite,
    "standalone": csv_file.number,
}


@dataclass(frozen=True)
class Subnet:
    """An evaluated architecture.

    Attributes:
        macs: multiply-adds of one example.
    """

    name: str
    architecture: Mapping[str, Any]
    params: float
    macs: float


@dataclass(frozen=True, eq=False)
class Task:
    """The results of one task; nan where something was not measured.

    Attributes:
        measure: accuracy (0 to 1) or cross_entropy (nats).
        arms, budgets, seeds, subnets: in the order of the file, budgets and seeds sorted.
        inherited: shape (A, B, S, N).
        standalone: shape (S, N).
        lr, steps, train_flops: shape (A, B), of the first seed.
    """

    name: str
    measure: str
    arms: tuple[str, ...]
    budgets: tuple[float, ...]
    seeds: tuple[int, ...]
    subnets: tuple[Subnet, ...]
    inherited: np.ndarray
    standalone: np.ndarray
    lr: np.ndarray
    steps: np.ndarray
    train_flops: np.ndarray

    def arm(self, name: str) -> np.ndarray:  # shape: (B, S, N)
        return self.inherited[self.arms.index(name)]

    @property
    def longest(self) -> tuple[str, ...]:
        """The arms that were trained for the largest budget."""
        there = ~np.isnan(self.inherited[:, -1]).all(axis=(1, 2))
        return tuple(arm for arm, is_there in zip(self.arms, there, strict=True) if is_there)

    @property
    def macs(self) -> np.ndarray:  # shape: (N,)
        return np.array([subnet.macs for subnet in self.subnets])

    @property
    def params(self) -> np.ndarray:  # shape: (N,)
        return np.array([subnet.params for subnet in self.subnets])


def read(path: Path) -> list[Task]:
    """The tasks of a file.

    Raises:
        ValueError: naming the file, and the line and column or the key that is wrong.
    """
    rows = csv_file.read(path, COLUMNS)
    csv_file.distinct(rows, ("task", "arm", "seed", "budget", "subnet"), path)
    named: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        named.setdefault(row["task"], []).append(row)
    return [_task(name, some, path) for name, some in named.items()]


def _task(name: str, rows: Sequence[dict[str, Any]], path: Path) -> Task:
    csv_file.agree(rows, (), ("measure",), path)
    csv_file.agree(rows, ("subnet",), ("architecture", "params", "macs"), path)
    csv_file.agree(rows, ("seed", "subnet"), ("standalone",), path)
    arms = tuple(dict.fromkeys(row["arm"] for row in rows))
    budgets = tuple(sorted({row["budget"] for row in rows}))
    seeds = tuple(sorted({row["seed"] for row in rows}))
    subnets = {
        row["subnet"]: Subnet(row["subnet"], row["architecture"], row["params"], row["macs"])
        for row in rows
    }
    order = {label: i for i, label in enumerate(subnets)}
    inherited = np.full((len(arms), len(budgets), len(seeds), len(subnets)), np.nan)
    standalone = np.full((len(seeds), len(subnets)), np.nan)
    spent = {
        key: np.full((len(arms), len(budgets)), np.nan) for key in ("lr", "steps", "train_flops")
    }
    for row in reversed(rows):  # so that the first row of an arm and budget is what stays
        seed, subnet = seeds.index(row["seed"]), order[row["subnet"]]
        place = arms.index(row["arm"]), budgets.index(row["budget"])
        inherited[(*place, seed, subnet)] = row["inherited"]
        standalone[seed, subnet] = row["standalone"]
        for key, values in spent.items():
            values[place] = row[key]
    return Task(
        name, rows[0]["measure"], arms, budgets, seeds, tuple(subnets.values()),
        inherited, standalone, **spent,
    )  # fmt: skip
