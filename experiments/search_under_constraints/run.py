"""What does a search find within a limit, with a tenth of a space evaluated?

    python experiments/search_under_constraints/run.py           adds to results.csv and stand_ins.csv what tables/ holds besides
    python experiments/search_under_constraints/run.py --quick   generates tables of a smaller space too, all in a temporary folder

Asking a table costs nothing, so each search is repeated, and the true best is known. See README.md.
"""

import argparse
import csv
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import generate
import stand_ins
import torch
from table import COSTS, Judged, Looked, costs, judged

from hypernas import Architecture, SearchSpace
from hypernas.evaluation import write_csv
from hypernas.latency import Rounds
from hypernas.search import (
    Constraint,
    Estimate,
    Evolution,
    Front,
    LargestThatFits,
    Linas,
    Objective,
    Problem,
    Random,
    Search,
)
from hypernas.search import run as searched
from hypernas.search.infeasible import Infeasible

HERE = Path(__file__).parent
RESULTS, STAND_INS = "results.csv", "stand_ins.csv"
SHARE = 0.1  # of the space that is evaluated
SEARCHES = 20  # of each method, limit and generator
QUANTILES = (0.25, 0.5)  # of a cost over the space: the limits
KNOWN = ("parameters",)  # to `hypernas search`, before anything is evaluated
ESTIMATED = ("flops",)  # by it, of what it does not count
SEARCHED: dict[str, Callable[[Problem, int], Search]] = {
    "linas": lambda problem, seed: Linas(problem, seed=seed),
    "random": lambda problem, seed: Random(problem, seed=seed),
    "evolution": lambda problem, seed: Evolution(problem, seed=seed),
    "largest_that_fits": lambda problem, seed: LargestThatFits(problem),
}


@dataclass(frozen=True)
class Case:
    """A generator's accuracies, and a limit on one cost.

    Attributes:
        parameters: of every architecture, by which a baseline ranks.
        num: architectures that a search may evaluate.
    """

    space: SearchSpace
    one: Judged
    cost: Looked
    bound: float
    parameters: Looked
    num: int

    def allowed(self) -> list[Architecture]:
        return [a for a, value in self.cost.values.items() if value <= self.bound]

    def shuffled(self, seed: int) -> list[Architecture]:
        """All that are allowed, in random order."""
        some = self.allowed()
        order = torch.randperm(len(some), generator=torch.Generator().manual_seed(seed))
        return [some[i] for i in order.tolist()]

    def best(self, some: Sequence[Architecture]) -> Architecture:
        """The first of the best on validation."""
        return max(some, key=self.one.validation.values.__getitem__)


def by_search(
    make: Callable[[Problem, int], Search],
    case: Case,
    seed: int,
    *,
    known: Sequence[str] = (),
    estimated: Sequence[str] = (),
) -> Architecture:
    """The best that a search ends with; the smallest of the space where it found nothing within the limit.

    Args:
        known: costs of which the limit is known beforehand; others are met after the fact.
        estimated: costs that are counted of what is evaluated, before it is, and predicted of the rest.
    """
    cost = Estimate(case.cost, case.space, seed=seed) if case.cost.name in estimated else case.cost
    problem = Problem(
        case.space,
        [Objective("accuracy", maximize=True)],
        [Constraint(case.cost.name, case.bound)],
        {cost.name: cost} if cost.name in {*known, *estimated} else {},
    )
    search = make(problem, seed)
    for _ in searched(search, [case.one.validation, case.cost], num_evaluations=case.num):
        pass
    try:
        return Front.of(problem, search.told).best().architecture
    except Infeasible:
        return case.space.smallest()


def random_allowed(case: Case, seed: int) -> Architecture:
    """The best of as many random ones, all within the limit, whatever it took to know that."""
    return case.best(case.shuffled(seed)[: case.num])


def most_parameters(case: Case, seed: int, num: int) -> Architecture:
    """The best of those within the limit that have the most parameters; equals are in random order."""
    ranked = sorted(case.shuffled(seed), key=case.parameters.values.__getitem__, reverse=True)
    return case.best(ranked[:num])


def methods(case: Case) -> dict[str, Callable[[int], Architecture]]:
    """Name -> the choice of a seed."""
    return {
        **{
            name: partial(by_search, make, case, known=KNOWN, estimated=ESTIMATED)
            for name, make in SEARCHED.items()
        },
        "linas, cost known": partial(by_search, SEARCHED["linas"], case, known=tuple(COSTS)),
        "linas, cost not known": partial(by_search, SEARCHED["linas"], case),
        "random, all allowed": partial(random_allowed, case),
        "by parameters": partial(most_parameters, case, num=case.num),
        "most parameters": partial(most_parameters, case, num=1),
    }


def rows(case: Case, quantile: float, num_searches: int) -> Iterator[dict]:
    """A row a method: means over its searches."""
    validation, test = case.one.validation.values, case.one.test.values
    allowed = case.allowed()
    most = max(validation[a] for a in allowed)
    head = {
        "arm": case.one.arm,
        "seed": case.one.seed,
        "cost": case.cost.name,
        "quantile": quantile,
        "bound": case.bound,
        "space": len(validation),
        "allowed": len(allowed),
        "evaluations": case.num,
    }
    choices = {
        name: [choose(seed) for seed in range(num_searches)]
        for name, choose in methods(case).items()
    }
    choices["exhaustive"] = [a for a in allowed if validation[a] == most]  # equals, all of them
    choices["best on test"] = [max(allowed, key=test.__getitem__)]
    for name, chosen in choices.items():
        yield head | {
            "method": name,
            "searches": num_searches,
            "validation": round(statistics.fmean(validation[a] for a in chosen), 6),
            "regret": round(most - statistics.fmean(validation[a] for a in chosen), 6),
            "best": statistics.fmean(validation[a] == most for a in chosen),
            "test": round(statistics.fmean(test[a] for a in chosen), 6),
        }


def kept(path: Path) -> list[dict]:
    """The rows of a file, as text; none where there is none."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def study(folder: Path, tables: Path, space: SearchSpace, *, num: int, num_searches: int) -> None:
    """Search in every generator of the tables that the results lack, and write what was found after each."""
    measured = costs(tables / generate.COSTS, space)
    found, instead = (kept(folder / name) for name in (RESULTS, STAND_INS))
    done = {(row["arm"], int(row["seed"])) for row in instead}
    for one in judged(tables, space):
        if (one.arm, one.seed) in done:
            continue
        for cost in measured.values():
            for quantile in QUANTILES:
                bound = cost.bound(quantile)
                case = Case(space, one, cost, bound, measured["parameters"], num)
                found += rows(case, quantile, num_searches)
        instead += stand_ins.rows(
            space, one, measured, QUANTILES, num=num, num_searches=num_searches
        )
        write_csv(folder / RESULTS, found)
        write_csv(folder / STAND_INS, instead)
        print(f"{one.arm}, seed {one.seed}", flush=True)


def quick() -> None:
    """All of it on 16 networks that were hardly trained."""
    folder = Path(tempfile.mkdtemp())
    space = generate.small_networks(widths=((4, 8), (8, 16)), kernels=(3,))
    data = generate.signals(num_train=1000, num_validation=200, num_test=200)
    generate.write_accuracies(folder, space, data, steps=20, seeds=range(2))
    generate.write_costs(folder / generate.COSTS, space, data, Rounds(least=7, most=20))
    study(folder, folder, space, num=8, num_searches=2)
    print(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Search within limits, by tables.")
    parser.add_argument("--quick", action="store_true", help="a minute; in a temporary folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        quick()
        return
    space = generate.small_networks()
    num = round(SHARE * space.size)
    study(HERE, HERE / "tables", space, num=num, num_searches=SEARCHES)


if __name__ == "__main__":
    main()
