"""The tables of whole spaces: one generator each, every subnet judged on a quarter and on all of validation.

python experiments/judging/tables.py                writes tables/batch_norm.csv, tables/layer_norm.csv, costs.csv
python experiments/judging/tables.py layer_norm     one of them
"""

import argparse
import csv
import functools
import time
from collections.abc import Callable
from pathlib import Path

import torch

from hypernas import SearchSpace, generators, spaces
from hypernas.cost import num_parameters
from hypernas.data import mnist1d
from hypernas.evaluation import write_csv
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.schedules import Cosine
from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import Judge
from hypernas.spaces.norms import Norm
from hypernas.subnet.skeleton import build_skeleton
from hypernas.training import Strategy, Task, Training

HERE = Path(__file__).parent
TABLES, COSTS = HERE / "tables", HERE / "costs.csv"
SHARE = 0.25
STOP = Hurdle((("accuracy", True),), (), {}, ((-2.0,),))  # nothing surpasses it
STEPS = 1500


def mlp(norm: Norm = "batch") -> SearchSpace:
    """780 networks; batch norms are calibrated, of layer norms there is nothing to calibrate."""
    return spaces.mlp(
        input_shape=(1, 40),
        num_classes=10,
        depths=(1, 2, 3, 4),
        widths=(4, 8, 16, 32, 64),
        norm=norm,
    )


SPACES: dict[str, Callable[[], SearchSpace]] = {
    "batch_norm": mlp,
    "layer_norm": functools.partial(mlp, "layer"),
}


def judged(space: SearchSpace) -> Judge:
    """The judge of a generator that was trained."""
    task, generator = Task(mnist1d(), CrossEntropy()), generators.hypernas(space, seed=0)
    strategy = Strategy(
        sampler=Uniform(num=1),
        optimizer=functools.partial(torch.optim.AdamW, lr=0.01),
        schedule=Cosine(warmup=0.1),
        seed=0,
    )
    Training(steps=STEPS, batch_size=128).run(generator, task, strategy)
    return Judge([generator], task, halving=SHARE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=[], help=f"of {list(SPACES)}")
    wanted = parser.parse_args().tables or list(SPACES)
    torch.set_num_threads(1)
    TABLES.mkdir(exist_ok=True)
    costs = []
    if COSTS.exists():
        with COSTS.open() as file:
            costs = [row for row in csv.DictReader(file) if row["table"] not in wanted]
    for name in wanted:
        judge, rows = judged(SPACES[name]()), []
        print(f"{name}: trained", flush=True)
        spent = {"part": 0.0, "whole": 0.0}
        space = judge.generators[0].space
        for architecture in space.enumerate():
            row: dict = {"architecture": architecture.to_json()}
            for part, hurdle in (("part", STOP), ("whole", None)):
                judge.generators[0].subnet(architecture)  # building it is no part of either
                started = time.process_time()
                (verdict,) = judge([architecture], [hurdle])
                spent[part] += time.process_time() - started
                row[f"{part}_right"] = round(verdict["accuracy"].total)
                row[f"{part}_num"] = verdict["accuracy"].num
            row["parameters"] = num_parameters(build_skeleton(space, architecture))
            rows.append(row)
        write_csv(TABLES / f"{name}.csv", rows)
        costs.append({"table": name, **{k: round(v, 3) for k, v in spent.items()}})
        write_csv(COSTS, costs)
        print(f"{name}: {spent}", flush=True)


if __name__ == "__main__":
    main()
