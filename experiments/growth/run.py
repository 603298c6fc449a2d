"""Does a network grown from small ones reach one trained from scratch, at 70 % of its compute?

    python experiments/growth/run.py              train what is missing; results.csv and tuning.csv
    python experiments/growth/run.py --workers 2  in two processes of one thread
    python experiments/growth/run.py --tasks fashion_mnist_deep    only these; rows of others stay
    python experiments/growth/run.py --quick      a few steps of everything; writes to a temporary folder

Tiny Shakespeare is found by HYPERNAS_TINY_SHAKESPEARE. What is done is kept in experiments/growth/work;
the same command goes on where it was stopped.
"""

import argparse
import csv
import itertools
import json
import multiprocessing
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from bench import Bench, Points, data_of, optimizer
from tasks import TASKS, Task, families

from hypernas.data import Batches, DataNotFound
from hypernas.evaluation import write_csv
from hypernas.generators import Generator
from hypernas.growth import Growth, Stages, recalibrate
from hypernas.storage.files import write_whole
from hypernas.training import memory_of
from hypernas.training.optimizer import Memory

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
TUNING_SEED = 1000


def members_of(
    bench: Bench, family: str, *, lr: float, seed: int
) -> tuple[list[Generator], list[Memory], float, list[dict[str, Any]]]:
    """Trained small networks, what their optimizers kept, their FLOPs, and points of the first."""
    kind, task = families(bench.task)[family], bench.task
    generators, memories, rows, spent = [], [], [], 0.0
    for m in range(kind.num_members):
        generator = bench.member(kind.members, m, lr=lr, seed=seed)
        a_step = bench.a_step(generator)
        points = Points(task, bench.data, a_step=a_step, spent=spent)
        place = bench.folder / f"{bench.name}-{family}-{seed}-{lr}-{m}"
        shown = points if m == 0 and seed != TUNING_SEED else None
        bench.train(
            generator, lr=lr, seed=10 * seed + m, steps=task.steps, points=shown, folder=place
        )
        memories.append(memory_of(place, generator, optimizer(lr)))
        generators.append(generator.eval())
        spent += a_step * task.steps
        rows += [row | {"phase": f"member_{m}"} for row in points.rows]
    return generators, memories, spent, rows


def grown_of(
    bench: Bench,
    method: Growth,
    generators: list[Generator],
    stages: list[Generator],
    memories: list[Memory],
    *,
    seed: int,
) -> tuple[Generator, Memory]:
    """A grown network, its norms calibrated, and what its optimizer is to know."""
    target = {"to": bench.task.large, "seed": seed}
    if isinstance(method, Stages):
        grown = method.assemble(generators, stages, bench.space, **target)
    else:
        grown = method.grow(generators, bench.space, **target)
    if generators:
        batches = Batches(bench.data.train, batch_size=128).starting_at(0)
        recalibrate(grown, (x for x, _ in islice(batches, 8)))
    return grown, method.inherit(memories)


def tune(bench: Bench, family: str) -> list[dict[str, Any]]:
    """Learning rates of the small networks, then of each arm: a row for each that was tried."""
    kind, task = families(bench.task)[family], bench.task
    rows: list[dict[str, Any]] = []

    def tried(arm: str, lr: float, score: float | None) -> None:
        rows.append({"task": bench.name, "family": family, "arm": arm, "lr": lr, "score": score})

    lr = 0.0
    if kind.num_members:
        for lr in task.lrs:
            generator = bench.member(kind.members, 0, lr=lr, seed=TUNING_SEED)
            tried("member", lr, bench.train(generator, lr=lr, seed=0, steps=task.steps))
        lr = best(task, rows, "member")
    generators, memories, spent, _ = members_of(bench, family, lr=lr, seed=TUNING_SEED)
    for arm, method in kind.arms.items():
        if arm == "scratch":
            continue  # as scratch_70
        stages, more = bench.stages(method, generators, lr=lr, seed=TUNING_SEED)
        for rate in task.grown_lrs if kind.num_members else task.lrs:
            grown, memory = grown_of(bench, method, generators, stages, memories, seed=TUNING_SEED)
            steps = bench.grown_steps(arm, grown, spent + more)
            tried(arm, rate, bench.train(grown, lr=rate, seed=1, steps=steps, memory=memory))
    return rows


def best(task: Task, rows: list[dict[str, Any]], arm: str) -> float:
    """The learning rate of the best score on validation; runs that diverged have none."""
    own = [row for row in rows if row["arm"] == arm and row["score"] is not None]
    return max(own, key=lambda row: task.gain(row["score"]))["lr"]


def measure(bench: Bench, family: str, seed: int, lrs: Mapping[str, float]) -> list[dict[str, Any]]:
    """The points of the arms of a family: one seed."""
    kind, task = families(bench.task)[family], bench.task
    generators, memories, spent, shared = members_of(
        bench, family, lr=lrs.get("member", 0.0), seed=seed
    )
    rows = []
    for arm, method in kind.arms.items():
        stages, more = bench.stages(method, generators, lr=lrs.get("member", 0.0), seed=seed)
        grown, memory = grown_of(bench, method, generators, stages, memories, seed=seed)
        points = Points(task, bench.data, a_step=bench.a_step(grown), spent=spent + more)
        if generators:
            points.measure(0, grown)
        steps = bench.grown_steps(arm, grown, spent + more)
        bench.train(grown, lr=lrs[arm], seed=seed, steps=steps, points=points, memory=memory)
        head = {"task": bench.name, "arm": arm, "seed": seed}
        head |= {"measure": task.measure, "unit": task.unit}
        tail = {
            "lr": lrs[arm],
            "member_lr": lrs.get("member", ""),
            "stored": grown.describe().num_stored,
            "share": round((spent + more + steps * points.a_step) / bench.full, 4),
        }
        before = (row for row in shared if row["train_flops"] < spent)  # else it is that of growing
        every = [*before, *(row | {"phase": "grown"} for row in points.rows)]
        rows += [head | row | tail for row in every]
    return rows


Job = tuple[str, str, int | None]  # task, family, seed; without a seed it is tuning


def work(job: Job, *, steps: int | None, folder: Path) -> Path:
    """Do what is missing of a job; its rows are in a file of its own."""
    torch.set_num_threads(1)
    name, family, seed = job
    path = folder / f"{name}-{family}-{'tuning' if seed is None else seed}.json"
    if path.exists():
        return path
    warnings.simplefilter("ignore", UserWarning)  # of fewer templates than readers, as is meant
    bench = Bench(name, steps=steps, folder=folder)
    if seed is None:
        rows = tune(bench, family)
    else:
        rows = measure(bench, family, seed, rates(bench.task, name, family, folder))
    write_whole(path, json.dumps(rows))
    return path


def rates(task: Task, name: str, family: str, folder: Path) -> dict[str, float]:
    """The learning rate of each arm of a family."""
    kind = families(task)[family]
    told, arm = kind.tuned_as or (family, None)
    rows = json.loads((folder / f"{name}-{told}-tuning.json").read_text())
    found = {row["arm"]: best(task, rows, row["arm"]) for row in rows}
    if family == "scratch":
        found["scratch"] = found["scratch_70"]
    return found if arm is None else found | dict.fromkeys(kind.arms, found[arm])


def study(
    folder: Path,
    out: Path,
    *,
    tasks: list[str],
    steps: int | None,
    seeds: tuple[int, ...],
    workers: int,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {name: TASKS[name] for name in tasks}
    try:
        for name in chosen:
            data_of(name)
    except DataNotFound as error:
        raise SystemExit(str(error)) from None
    tunings: list[Job] = [
        (name, family, None)
        for name, task in chosen.items()
        for family, kind in families(task).items()
        if kind.tuned_as is None
    ]
    jobs: list[Job] = [
        (name, family, seed)
        for seed, (name, task) in itertools.product(seeds, chosen.items())
        for family in families(task)
    ]
    do = partial(work, steps=steps, folder=folder)
    for title, some, file in (("tuning", tunings, "tuning"), ("training", jobs, "results")):
        rows = others(out / f"{file}.csv", tasks)
        for i, path in enumerate(done(do, some, workers), start=1):
            rows += json.loads(path.read_text())
            write_csv(out / f"{file}.csv", rows)
            print(f"{title} {i}/{len(some)}: {path.stem}", flush=True)


def others(path: Path, tasks: list[str]) -> list[dict[str, Any]]:
    """The rows of other tasks that a table has."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["task"] not in tasks]


def done(do: Callable[[Job], Path], jobs: list[Job], workers: int) -> Iterator[Path]:
    """The files of jobs, in their order, as they are finished."""
    if workers == 1:
        yield from map(do, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(do, jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--quick", action="store_true", help="a few steps, in a temporary folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.quick:
        study(
            HERE / "work",
            HERE,
            tasks=arguments.tasks,
            steps=None,
            seeds=SEEDS,
            workers=arguments.workers,
        )
        return
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        study(
            out / "work",
            out,
            tasks=arguments.tasks,
            steps=4,
            seeds=(0,),
            workers=arguments.workers,
        )
        with (out / "results.csv").open() as file:
            rows = list(csv.DictReader(file))
        print(f"{len(rows)} rows of {len({(r['task'], r['arm']) for r in rows})} arms")


if __name__ == "__main__":
    main()
