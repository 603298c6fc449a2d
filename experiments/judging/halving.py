"""What does successive halving of the examples save, and what does it lose? From the tables of whole spaces.

python experiments/judging/halving.py    writes halving.csv
"""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tables import SHARE, SPACES, TABLES

from hypernas import Architecture, SearchSpace
from hypernas.cost import Cost
from hypernas.evaluation import write_csv
from hypernas.objectives import Moments
from hypernas.search import Evaluated, Front, Linas, Nsga2, Objective, Problem, Random, Search
from hypernas.search import run as search_run
from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import bounds
from hypernas.search.quality import Quality, Verdicts
from hypernas.search.verdict import Verdict

RESULTS = Path(__file__).parent / "halving.csv"
SEEDS = range(10)
METHODS: dict[str, Callable[..., Search]] = {"linas": Linas, "nsga2": Nsga2, "random": Random}
TENTH = 10  # of all architectures one in ten is evaluated


class Table:
    """A judge of what was judged before: it stops where `Judge` does.

    Args:
        rows: architecture -> right and all predictions on a part, and on all.
    """

    def __init__(self, rows: Mapping[Architecture, Mapping[str, int]]) -> None:
        self.rows = rows

    def __call__(
        self,
        architectures: Sequence[Architecture],
        hurdles: Sequence[Hurdle | None] | None = None,
    ) -> list[Verdict]:
        pairs = zip(architectures, hurdles or [None] * len(architectures), strict=True)
        return [self._judge(self.rows[architecture], hurdle) for architecture, hurdle in pairs]

    def _judge(self, row: Mapping[str, int], hurdle: Hurdle | None) -> Verdict:
        part, whole = (
            {"accuracy": Moments(row[f"{name}_right"], row[f"{name}_right"], row[f"{name}_num"])}
            for name in ("part", "whole")
        )
        if hurdle is not None and hurdle.out_of_reach(bounds(part, SHARE)):
            return Verdict(part, row["part_num"])
        return Verdict(whole)


class Doublings(Cost):
    """Parameters in doublings: a measure that is known."""

    name, unit = "doublings", ""

    def __init__(self, rows: Mapping[Architecture, Mapping[str, int]]) -> None:
        self.rows = rows

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [math.log2(self.rows[architecture]["parameters"]) for architecture in architectures]


def read(name: str, space: SearchSpace) -> dict[Architecture, dict[str, int]]:
    with (TABLES / f"{name}.csv").open() as file:
        return {
            space.architecture(Architecture.from_json(row.pop("architecture"))): {
                column: int(cell) for column, cell in row.items()
            }
            for row in csv.DictReader(file)
        }


def searches(name: str) -> Iterator[dict]:
    """Rows: with halving and without, the examples read and the share of the true front's hypervolume."""
    space = SPACES[name]()
    rows = read(name, space)
    doublings = Doublings(rows)
    objectives = [Objective("accuracy", maximize=True), Objective("doublings")]
    problem = Problem(space, objectives, known={"doublings": doublings})
    every = [
        Evaluated(a, {"accuracy": verdict["accuracy"].mean, "doublings": size})
        for a, verdict, size in zip(
            rows, Table(rows)(list(rows)), doublings(list(rows)), strict=True
        )
    ]
    of = {one.architecture: one.values for one in every}
    reference = {
        "accuracy": of[space.smallest()]["accuracy"],
        "doublings": of[space.largest()]["doublings"],
    }
    whole = Front.of(problem, every).hypervolume(reference)
    for method, make in METHODS.items():
        for seed in SEEDS:
            row: dict = {"table": name, "method": method, "seed": seed}
            for arm, halving in (("whole", False), ("halving", True)):
                search = make(problem, seed=seed)
                measures = [Quality("accuracy", Verdicts(Table(rows))), doublings]
                batches = search_run(
                    search,
                    measures,
                    num_evaluations=len(rows) // TENTH,
                    num_at_once=16,
                    halving=halving,
                )
                told = [one for batch in batches for one in batch]
                share = Front.of(problem, told).hypervolume(reference) / whole
                row[f"{arm}_hypervolume"] = round(share, 5)
            row["evaluations"] = len(told)
            row["stopped"] = sum(one.examples is not None for one in told)
            yield row
        print(f"{name}, {method}", flush=True)


def main() -> None:
    rows: list[dict] = []
    for name in SPACES:
        rows += searches(name)
        write_csv(RESULTS, rows)


if __name__ == "__main__":
    main()
