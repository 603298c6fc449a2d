"""Where do subnets that share all weights interfere with each other, and where are they undertrained?

    HYPERNAS_TINY_SHAKESPEARE=FOLDER python experiments/interference/run.py   go on with what results.csv lacks
    python experiments/interference/run.py --quick      a few steps, to see that it works; writes nothing
    hypernas report experiments/interference --trust            make tables and figure of results.csv

Plain weight sharing is trained with one random architecture a step. Then copies of it take n more steps at a constant,
small learning rate: on one subnet alone, or on random ones. Interference is what the one gains alone beyond what it
gains when all are trained on; what it gains beyond four times as many steps on all cannot be undertraining
that those would mend; and by its steps the others lose. See `hypernas.evaluation.interference`.
"""

import argparse
import csv
import statistics
import time
from functools import cache, partial
from pathlib import Path

import torch
from spaces import TASKS, data_of, has_data

from hypernas import SearchSpace, generators
from hypernas.cost import subnet_flops
from hypernas.evaluation import MEASURES, Recipe, evaluate, mean, write_csv
from hypernas.evaluation.interference import Interference, interference
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform, stratified_subnets
from hypernas.schedules import Cosine
from hypernas.space.architecture import Architecture
from hypernas.training import Strategy, Task, Training

HERE = Path(__file__).parent
STEPS = 200  # of a budget of 1, as of a short training alone
SEEDS = (0, 1, 2)
FIRST = (  # and at 16
    *("widths_narrow", "widths_eightfold", "operations", "heads"),
    *("functions", "functions_images", "functions_characters"),
)
RATES = (0.003, 0.01, 0.03)
TUNED = {"budget": 4, "seed": 1000}
FINAL = 0.1  # share of the peak at the end of training, and while it goes on
MORE, TIMES = 100, 4  # steps on one subnet, and in how many times as many all are trained on
NUM_SUBNETS, SPECIALISED = 6, (0, 3, 5)  # by their place in the order of FLOPs
KEY = ("space", "budget", "seed")
BATCH = {"signals": 64, "digits": 64, "images": 64, "characters": 32}


@cache
def space_of(name: str) -> SearchSpace:
    return TASKS[name].make(data_of(TASKS[name].data))


@cache
def subnets_of(name: str) -> dict[str, Architecture]:
    space = space_of(name)
    cost = subnet_flops(space, data_of(TASKS[name].data).example(num=1))
    return stratified_subnets(space, NUM_SUBNETS, cost=cost, seed=0)


def recipe(name: str, *, steps: int, lr: float) -> Recipe:
    return Recipe(
        training=Training(
            steps=steps,
            batch_size=BATCH[TASKS[name].data],
            precision="float32",
            log_every=1_000_000,
        ),
        objective=CrossEntropy(label_smoothing=0.0),
        optimizer=partial(torch.optim.AdamW, lr=lr, weight_decay=0.0),
        schedule=Cosine(final=FINAL),
        calibration_batches=8,
    )


def trained(name: str, *, steps: int, lr: float, seed: int) -> Generator:
    """Weight sharing after so many steps, one random architecture each."""
    own = recipe(name, steps=steps, lr=lr)
    generator = generators.shared(space_of(name), seed=seed)
    strategy = Strategy(
        sampler=Uniform(), optimizer=own.optimizer, schedule=own.schedule, seed=seed
    )
    task = Task(data_of(TASKS[name].data), own.objective)
    own.training.run(generator, task, strategy, device="cpu")
    return generator


def tuned(name: str, *, steps: int) -> list[dict]:
    """A row for each rate: validation cross entropy, mean over the subnets."""
    rows = []
    for lr in RATES:
        generator = trained(name, steps=TUNED["budget"] * steps, lr=lr, seed=TUNED["seed"])
        own = recipe(name, steps=steps, lr=lr)
        found = evaluate(
            generator,
            data_of(TASKS[name].data),
            subnets_of(name),
            objective=own.objective,
            split="validation",
            calibration_batches=8,
        )
        value = mean(found, "cross_entropy")
        rows.append({"space": name, "lr": lr, **TUNED, "cross_entropy": round(value, 5)})
    return rows


def cell(name: str, budget: int, seed: int, *, steps: int, more: int, lr: float) -> dict:
    """Train, train on, and say what was gained and lost: the means over the specialised subnets."""
    started = time.process_time()
    generator = trained(name, steps=budget * steps, lr=lr, seed=seed)
    labels = [list(subnets_of(name))[i] for i in SPECIALISED]
    found = interference(
        generator,
        data_of(TASKS[name].data),
        recipe(name, steps=more, lr=FINAL * lr),
        subnets_of(name),
        labels=labels,
        times=TIMES,
        seed=seed + 100,  # other batches than those of training
        split="test",
    )
    row = {"space": name, "budget": budget, "seed": seed, "lr": lr}
    for measure in ("cross_entropy", "accuracy"):
        row |= {f"{measure}_{part}": value for part, value in means(found, measure).items()}
    return row | {"seconds": round(time.process_time() - started, 1)}


def means(found: list[Interference], measure: str) -> dict[str, float]:
    """The level before, and each worth: its mean over specialised subnets."""
    worths = [own.worth(MEASURES[measure]) for own in found]
    before = statistics.fmean(own[measure] for own in found[0].before.values())
    parts = {part: statistics.fmean(worth[part] for worth in worths) for part in worths[0]}
    by_size = zip(("smallest", "middle", "largest"), worths, strict=True)
    parts |= {f"beyond_{size}": worth["beyond"] for size, worth in by_size}
    return {part: round(value, 5) for part, value in {"before": before, **parts}.items()}


def plan() -> list[tuple[str, int, int]]:
    """Every cell, in an order by which each space has something early, then what verdicts rest on."""
    names = [name for name in TASKS if has_data(TASKS[name].data)]
    first = [name for name in names if name in FIRST]
    rest = [name for name in names if name not in FIRST]
    parts = [
        (names, 1, 0),
        *((first, 4, seed) for seed in SEEDS),
        *((first, 16, seed) for seed in SEEDS),
        *((rest, 4, seed) for seed in SEEDS),
        *((names, 1, seed) for seed in SEEDS[1:]),
    ]
    return [(name, budget, seed) for some, budget, seed in parts for name in some]


def go_on(*, steps: int = STEPS, more: int = MORE) -> None:
    """Do the cells that the tables lack, adding each as it is done."""
    rates, rows = read(HERE / "tuning.csv"), read(HERE / "results.csv")
    done = {tuple(row[name] for name in KEY) for row in rows}
    order = {tuple(map(str, key)): i for i, key in enumerate(plan())}
    for key in plan():
        if tuple(map(str, key)) in done:
            continue
        if not any(row["space"] == key[0] for row in rates):
            rates += [{k: str(v) for k, v in row.items()} for row in tuned(key[0], steps=steps)]
            write_csv(HERE / "tuning.csv", rates)
        row = cell(*key, steps=steps, more=more, lr=best(rates, key[0]))
        rows.append({name: str(value) for name, value in row.items()})
        rows.sort(key=lambda row: order[tuple(row[name] for name in KEY)])
        write_csv(HERE / "results.csv", rows)
        print(*row.values(), flush=True)


def best(rates: list[dict[str, str]], name: str) -> float:
    own = [row for row in rates if row["space"] == name]
    return float(min(own, key=lambda row: float(row["cross_entropy"]))["lr"])


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps, writing nothing")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    if not quick:
        go_on()
        return
    for name in (name for name in TASKS if has_data(TASKS[name].data)):
        print(*cell(name, 1, 0, steps=10, more=3, lr=0.01).values(), flush=True)


if __name__ == "__main__":
    main()
