"""What does a search under a constraint find, with a tenth of a space evaluated?

    python experiments/search_under_constraints/run.py           writes results.csv, a seed after the other
    python experiments/search_under_constraints/run.py --quick   a few steps; writes to a temporary folder

Every architecture of a small space is judged once for each trained generator, so that the true best is known;
searches then ask that table, which costs nothing.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from hypernas import SearchSpace, generators
from hypernas.cost import Flops, Parameters
from hypernas.data import Data, mnist1d
from hypernas.evaluation import write_csv
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.search import Constraint, Front, Linas, Measure, Objective, Problem, Random, run
from hypernas.search.judge import Judge
from hypernas.space import Architecture
from hypernas.spaces import conv1d
from hypernas.training import Strategy, Task, Training

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)  # of generators
SEARCHES = 20  # of each method and constraint, on each generator
SHARE = 0.1  # of the space that is evaluated
TIGHT = 0.4  # quantile of the cost over the space that bounds it


@dataclass(frozen=True)
class Table:
    """A measure that was taken of every architecture."""

    name: str
    values: Mapping[Architecture, float]
    unit: str = ""

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [self.values[architecture] for architecture in architectures]


def space_of(data: Data) -> SearchSpace:
    return conv1d(
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        widths=((8, 16), (16, 32)),
        kernels=(3, 7),
        expansions=(1,),
    )


def trained(space: SearchSpace, data: Data, *, steps: int, seed: int) -> generators.Generator:
    generator = generators.hypernas(space, seed=seed)
    optimizer = partial(torch.optim.AdamW, lr=0.003, weight_decay=0.01)
    strategy = Strategy(sampler=Uniform(), optimizer=optimizer, seed=seed)
    Training(steps=steps).run(generator, Task(data, CrossEntropy()), strategy, device="cpu")
    return generator.eval()


def judged(generator: generators.Generator, data: Data, some: list[Architecture]) -> list[Table]:
    """Accuracy on validation, and on test, of all architectures."""
    found = []
    for split in ("validation", "test"):
        shown = data if split == "validation" else _with_test(data)
        verdicts = Judge([generator], Task(shown, CrossEntropy()))(some)
        values = [verdict["accuracy"].mean for verdict in verdicts]
        found.append(Table("accuracy", dict(zip(some, values, strict=True))))
    return found


def _with_test(data: Data) -> Data:
    """The data whose test split is read as validation: here every architecture is to be known."""
    return Data(data.name, data.train, data.test, data.test, data.input_shape, data.num_classes)


def picks(
    space: SearchSpace, validation: Measure, cost: Measure, bound: float, num: int
) -> dict[str, list[Architecture]]:
    """The architectures that methods end with, one for each seed of the search."""
    methods: dict[str, Callable[..., Random | Linas]] = {"random": Random, "linas": Linas}
    problem = Problem(
        space,
        [Objective("accuracy", maximize=True)],
        [Constraint(cost.name, bound)],
        {cost.name: cost},
    )
    found: dict[str, list[Architecture]] = {}
    for name, method in methods.items():
        found[name] = []
        for seed in range(SEARCHES):
            search = method(problem, seed=seed)
            for _ in run(search, [validation, cost], num_evaluations=num, num_at_once=4):
                pass
            found[name].append(Front.of(problem, search.told).best().architecture)
    return found


def rows_of(seed: int, data: Data, *, steps: int) -> list[dict[str, object]]:
    space = space_of(data)
    every = list(space.enumerate())
    generator = trained(space, data, steps=steps, seed=seed)
    validation, test = judged(generator, data, every)
    rows = []
    for kind in (Parameters, Flops):
        cost = kind(space, data.example(num=1))
        bound = float(np.quantile(cost(every), TIGHT, method="lower"))
        allowed = [a for a, value in zip(every, cost(every), strict=True) if value <= bound]
        num = round(SHARE * len(every))
        chosen = picks(space, validation, cost, bound, num)
        chosen["exhaustive"] = [max(allowed, key=validation.values.__getitem__)]
        chosen["largest that fits"] = [max(allowed, key=lambda a: cost([a])[0])]
        for method, architectures in chosen.items():
            rows.append(
                {
                    "constraint": cost.name,
                    "bound": bound,
                    "allowed": len(allowed),
                    "space": len(every),
                    "evaluations": num if method in ("random", "linas") else len(allowed),
                    "method": method,
                    "seed": seed,
                    "searches": len(architectures),
                    "validation": float(np.mean(validation(architectures))),
                    "test": float(np.mean(test(architectures))),
                    "found_best": float(
                        np.mean(
                            [
                                validation.values[a] == max(validation(allowed))
                                for a in architectures
                            ]
                        )
                    ),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp()) if quick else HERE
    data = mnist1d(num_train=1000, num_validation=200, num_test=200) if quick else mnist1d()
    rows: list[dict[str, object]] = []
    for seed in SEEDS[: 2 if quick else None]:
        rows += rows_of(seed, data, steps=20 if quick else 1500)
        write_csv(folder / "results.csv", rows)
        print(f"seed {seed}: {folder / 'results.csv'}", flush=True)


if __name__ == "__main__":
    main()
