"""Results of studies of the gap: inherited against stand-alone, task by task."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import MEASURES, Measure
from hypernas.reports import csv_file
from hypernas.reports.study import Study

# Legend: S seeds, N subnets.

PARSERS = {
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
    "measure": csv_file.one_of(*MEASURES),
    "inherited": csv_file.finite,
    "standalone": csv_file.number,
}


@dataclass(frozen=True, eq=False)
class Task:
    """The results of one task.

    Attributes:
        rows: of the file, one for each arm, budget, seed and subnet.
    """

    name: str
    rows: DataFrame

    @cached_property
    def measure(self) -> Measure:
        return MEASURES[self.rows["measure"].iloc[0]]

    @cached_property
    def quality(self) -> str:
        """The measure in words."""
        return self.measure.name.replace("_", " ")

    @cached_property
    def unit(self) -> str:
        """Of the measure itself, not of differences."""
        return "%" if self.measure.unit == "points" else self.measure.unit

    @cached_property
    def digits(self) -> int:
        """Decimals of what is shown: hundredths of points, thousandths of nats."""
        return 2 if self.measure.unit == "points" else 3

    @cached_property
    def arms(self) -> list[str]:
        return list(self.rows["arm"].unique())

    @cached_property
    def budgets(self) -> list[float]:
        return sorted(self.rows["budget"].unique())

    @cached_property
    def subnets(self) -> DataFrame:
        """Architecture, params and macs of each subnet, by name, in the order of the file."""
        known = self.rows.drop_duplicates("subnet").set_index("subnet")
        return known[["architecture", "params", "macs"]]

    @cached_property
    def spent(self) -> DataFrame:
        """Rate, steps and training FLOPs by arm and budget, of the first seed."""
        return self.rows.drop_duplicates(["arm", "budget"]).set_index(["arm", "budget"])

    @cached_property
    def standalone(self) -> np.ndarray:  # shape: (S, N); nan where it was not measured
        return self._array(self.rows.drop_duplicates(["seed", "subnet"]), "standalone")

    def inherited(self, arm: str, budget: float) -> np.ndarray:  # shape: (S, N), nan as above
        rows = self.rows
        return self._array(rows[(rows["arm"] == arm) & (rows["budget"] == budget)], "inherited")

    def trained(self, budget: float) -> list[str]:
        """The arms that were trained for a budget."""
        there = set(self.rows["arm"][self.rows["budget"] == budget])
        return [arm for arm in self.arms if arm in there]

    @cached_property
    def longest(self) -> list[str]:
        """The arms that were trained for the largest budget."""
        return self.trained(self.budgets[-1])

    def _array(self, rows: DataFrame, column: str) -> np.ndarray:
        found = rows.pivot(index="seed", columns="subnet", values=column)
        seeds = sorted(self.rows["seed"].unique())
        return np.ascontiguousarray(found.reindex(index=seeds, columns=self.subnets.index))


def read_tasks(study: Study) -> list[Task]:
    """The tasks of a study.

    Raises:
        ValueError: naming the file, and the line and column or the key that is wrong.
    """
    rows = csv_file.read(study.path, PARSERS)
    csv_file.distinct(rows, ("task", "arm", "seed", "budget", "subnet"), study.path)
    tasks = []
    for name, some in rows.groupby("task", sort=False):
        csv_file.agree(some, (), ("measure",), study.path)
        csv_file.agree(some, ("subnet",), ("architecture", "params", "macs"), study.path)
        csv_file.agree(some, ("seed", "subnet"), ("standalone",), study.path)
        tasks.append(Task(str(name), some))
    return tasks
