"""Does a network grown from small ones reach one trained from scratch, at 70 % of its compute?

    python experiments/growth/run.py              train what is missing; results.csv and tuning.csv
    python experiments/growth/run.py --workers 2  in two processes of one thread
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
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import TensorDataset

from hypernas import SearchSpace
from hypernas.data import Batches, Data, fashion_mnist, in_order, tiny_shakespeare
from hypernas.evaluation import write_csv
from hypernas.files import write_whole
from hypernas.generators import Generator
from hypernas.growth import Growth, Net2Net, RandomGrowth, Recombine, Scratch, recalibrate
from hypernas.monitors import Monitor, Subnets
from hypernas.objectives import CrossEntropy, assess
from hypernas.optimization import Memory
from hypernas.sampling import Fixed
from hypernas.spaces import conv2d, transformer_lm
from hypernas.study import step_flops
from hypernas.training import Training, memory_of

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
TUNING_SEED = 1000
SHARE = 0.7  # of the compute of the large network from scratch, for every arm but `scratch`
POINTS = 5  # measurements of a phase


@dataclass(frozen=True)
class Task:
    """A data set, two small networks, and the large one that they become.

    Attributes:
        steps: of the large network from scratch, and of each small one.
        lrs: to choose from, of what is trained from scratch.
        grown_lrs: the same for what is grown.
        divided: what is divided so that logits are averaged.
        measure: that is the score, in units of 1 / `scale`.
        smoothing: of labels in training.
    """

    data: Callable[[], Data]
    space: Callable[[Data], SearchSpace]
    small: Mapping[str, Any]
    large: Mapping[str, Any]
    steps: int
    batch_size: int
    lrs: tuple[float, ...]
    grown_lrs: tuple[float, ...]
    divided: bool | tuple[str, ...]
    measure: str
    scale: float
    smoothing: float


def blocks(*widths: int) -> dict[str, int]:
    """An architecture of `conv2d` of one block a stage."""
    return {
        key: value
        for s, width in enumerate(widths)
        for key, value in (
            (f"width_{s}", width),
            (f"depth_{s}", 1),
            (f"kernel_{s}_0", 3),
            (f"expansion_{s}_0", 1),
        )
    }


def layers(depth: int, dim: int, heads: int) -> dict[str, int]:
    """An architecture of `transformer_lm`."""
    choices = {"depth": depth, "embed_dim": dim}
    for i in range(depth):
        choices |= {f"heads_{i}": heads, f"ratio_{i}": 2}
    return choices


TASKS = {
    "fashion_mnist": Task(
        data=partial(fashion_mnist, num_train=2000, num_validation=1000, num_test=2000),
        space=lambda data: conv2d(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            widths=((16, 32), (32, 64)),
            depths=(1,),
            kernels=(3,),
            expansions=(1,),
            stem_stride=2,
        ),
        small=blocks(16, 32),
        large=blocks(32, 64),
        steps=500,
        batch_size=64,
        lrs=(0.003, 0.01, 0.03),
        grown_lrs=(0.001, 0.003, 0.01),
        divided=True,
        measure="accuracy",
        scale=100.0,
        smoothing=0.1,
    ),
    "tiny_shakespeare": Task(
        data=partial(tiny_shakespeare, context=64, num_train=200_000),
        space=lambda data: transformer_lm(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            depths=(2, 3),
            embed_dims=(48, 96),
            heads=(3, 6),
            head_dim=16,
            ratios=(2,),
        ),
        small=layers(2, 48, 3),
        large=layers(3, 96, 6),
        steps=500,
        batch_size=16,
        lrs=(0.003, 0.006, 0.012),
        grown_lrs=(0.0015, 0.003, 0.006),
        divided=("norm.weight", "norm.bias"),
        measure="cross_entropy",
        scale=1.0,
        smoothing=0.0,
    ),
}


@dataclass(frozen=True)
class Family:
    """Arms that are grown from the same small networks.

    Attributes:
        members: the method that makes those.
        arms: name -> method that grows them.
        tuned_as: the family and arm whose learning rates are taken; its own if None.
    """

    members: Growth
    num_members: int
    arms: Mapping[str, Growth]
    tuned_as: tuple[str, str] | None = None


def families(task: Task) -> dict[str, Family]:
    mean = task.divided if isinstance(task.divided, bool) else list(task.divided)
    recombine = partial(Recombine, average=mean)
    extra = () if isinstance(task.divided, bool) else list(task.divided)
    rules = ("orthogonal", "copy", "zero", "random")
    grown = {rule: recombine(num_templates=2, coefficients=rule) for rule in rules}
    like = ("templates_2", "orthogonal")
    return {
        "scratch": Family(Scratch(), 0, {"scratch_70": Scratch(), "scratch": Scratch()}),
        "net2net": Family(Net2Net(), 1, {"net2net": Net2Net(divided=extra)}),
        "templates_2": Family(
            recombine(num_templates=2), 2, grown | {"random_blocks": RandomGrowth(average=mean)}
        ),
        **{
            f"templates_{t}": Family(
                recombine(num_templates=t),
                2,
                {f"orthogonal_{t}": recombine(num_templates=t)},
                tuned_as=like,
            )
            for t in (4, 8)
        },
    }


# --- training -------------------------------------------------------------------------------------


class Points(Monitor):
    """The score on the test split at each validation."""

    def __init__(self, task: Task, data: Data, *, a_step: float, spent: float) -> None:
        self.task, self.data, self.a_step, self.spent = task, data, a_step, spent
        self.rows: list[dict[str, float]] = []

    def measure(self, step: int, generator: Generator) -> None:
        score = score_of(generator, self.task, self.data, split="test")
        flops = self.spent + step * self.a_step
        self.rows.append({"train_flops": flops, "score": round(score, 5), "step": step})

    def begin(self, *, step: int, steps: int) -> None:
        """Nothing is trained yet."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Single steps do not matter."""

    def validation(self, step: int, subnets: Subnets, generator: Generator) -> None:
        self.measure(step, generator)
        generator.train()

    def end(self, final: Mapping[str, float]) -> None:
        """Everything is kept."""


@torch.no_grad()
def score_of(generator: Generator, task: Task, data: Data, *, split: str) -> float:
    """Of the largest network, norms calibrated on training data."""
    largest = generator.space.largest()
    batches = (x for x, _ in islice(Batches(data.train, batch_size=128).starting_at(0), 8))
    network = generator.export(largest, statistics=generator.calibrate(largest, batches))
    found = assess(network, in_order(getattr(data, split)), CrossEntropy(label_smoothing=0.0))
    return task.scale * found[task.measure]


@cache
def data_of(name: str) -> Data:
    return TASKS[name].data()


def cut(data: Data, num: int) -> Data:
    """With only the first examples of validation and test."""
    parts = {
        split: TensorDataset(*(tensor[:num] for tensor in getattr(data, split).tensors))
        for split in ("validation", "test")
    }
    return replace(data, **parts)


class Bench:
    """Training of one task, at some size.

    Args:
        steps: of the large network, and then only a few examples are measured; None for the task's.
        folder: where trained small networks are kept.
    """

    def __init__(self, name: str, *, steps: int | None, folder: Path) -> None:
        task = TASKS[name]
        self.name, self.folder = name, folder
        self.task = replace(task, steps=steps or task.steps)
        self.data = data_of(name) if steps is None else cut(data_of(name), 50)
        self.space = task.space(self.data)
        self.objective = CrossEntropy(label_smoothing=task.smoothing)

    def a_step(self, generator: Generator) -> float:
        return step_flops(
            generator,
            self.data,
            sampler=Fixed(),
            objective=self.objective,
            batch_size=self.task.batch_size,
            num=1,
        )

    @property
    def full(self) -> float:
        """FLOPs of the large network from scratch."""
        large = Scratch().grow([], self.space, to=self.task.large, seed=0)
        return self.a_step(large) * self.task.steps

    def train(
        self,
        generator: Generator,
        *,
        lr: float,
        seed: int,
        steps: int,
        points: Points | None = None,
        **more: Any,
    ) -> float:
        """Train in place; the measure on validation at the end."""
        training = Training(
            steps=steps,
            batch_size=self.task.batch_size,
            validate_every=max(1, steps // POINTS) if points else steps,
            num_validation=0,
            checkpoint_every=10**9,
            calibration_batches=8,
        )
        final = training.run(
            generator,
            self.data,
            sampler=Fixed(),
            objective=self.objective,
            optimizer=optimizer(lr),
            monitors=[points] if points else [],
            device="cpu",
            seed=seed,
            **more,
        )
        return self.task.scale * final[self.task.measure]

    def member(self, method: Growth, m: int, *, lr: float, seed: int) -> Generator:
        return method.member(self.space, self.task.small, seed=10 * seed + m)

    def grown_steps(self, arm: str, grown: Generator, spent: float) -> int:
        share = 1.0 if arm == "scratch" else SHARE
        return max(1, int((share * self.full - spent) / self.a_step(grown)))


def optimizer(lr: float) -> Callable[..., torch.optim.Optimizer]:
    return partial(torch.optim.AdamW, lr=lr, weight_decay=0.01, fused=True)


def better(task: Task, score: float) -> float:
    return score if task.measure == "accuracy" else -score


# --- jobs -----------------------------------------------------------------------------------------


def members_of(
    bench: Bench, family: str, *, lr: float, seed: int
) -> tuple[list, list, float, list]:
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
    memories: list[Memory],
    *,
    seed: int,
) -> tuple[Generator, Memory]:
    """A grown network, its norms calibrated, and what its optimizer is to know."""
    grown = method.grow(generators, bench.space, to=bench.task.large, seed=seed)
    if generators:
        batches = Batches(bench.data.train, batch_size=128).starting_at(0)
        recalibrate(grown, (x for x, _ in islice(batches, 8)))
    return grown, method.inherit(memories)


def tune(bench: Bench, family: str) -> list[dict[str, Any]]:
    """Learning rates of the small networks, then of each arm: a row for each that was tried."""
    kind, task = families(bench.task)[family], bench.task
    rows: list[dict[str, Any]] = []

    def tried(arm: str, lr: float, score: float) -> None:
        rows.append(
            {"task": bench.name, "family": family, "arm": arm, "lr": lr, "score": round(score, 5)}
        )

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
        for lr in task.grown_lrs if kind.num_members else task.lrs:
            grown, memory = grown_of(bench, method, generators, memories, seed=TUNING_SEED)
            steps = bench.grown_steps(arm, grown, spent)
            tried(arm, lr, bench.train(grown, lr=lr, seed=1, steps=steps, memory=memory))
    return rows


def best(task: Task, rows: list[dict[str, Any]], arm: str) -> float:
    own = [row for row in rows if row["arm"] == arm]
    return max(own, key=lambda row: better(task, float(row["score"])))["lr"]


def measure(bench: Bench, family: str, seed: int, lrs: Mapping[str, float]) -> list[dict[str, Any]]:
    """The points of the arms of a family: one seed."""
    kind, task = families(bench.task)[family], bench.task
    generators, memories, spent, shared = members_of(
        bench, family, lr=lrs.get("member", 0.0), seed=seed
    )
    rows = []
    for arm, method in kind.arms.items():
        grown, memory = grown_of(bench, method, generators, memories, seed=seed)
        points = Points(task, bench.data, a_step=bench.a_step(grown), spent=spent)
        if generators:
            points.measure(0, grown)
        steps = bench.grown_steps(arm, grown, spent)
        bench.train(grown, lr=lrs[arm], seed=seed, steps=steps, points=points, memory=memory)
        head = {"task": bench.name, "arm": arm, "seed": seed}
        tail = {
            "lr": lrs[arm],
            "member_lr": lrs.get("member", ""),
            "stored": grown.describe().num_stored,
            "share": round((spent + steps * points.a_step) / bench.full, 4),
        }
        every = [*shared, *(row | {"phase": "grown"} for row in points.rows)]
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
    folder: Path, out: Path, *, steps: int | None, seeds: tuple[int, ...], workers: int
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in TASKS:
        data_of(name)  # refuse at once where data are missing
    tunings: list[Job] = [
        (name, family, None)
        for name, task in TASKS.items()
        for family, kind in families(task).items()
        if kind.tuned_as is None
    ]
    jobs: list[Job] = [
        (name, family, seed)
        for seed, (name, task) in itertools.product(seeds, TASKS.items())
        for family in families(task)
    ]
    do = partial(work, steps=steps, folder=folder)
    for title, some, file in (("tuning", tunings, "tuning"), ("training", jobs, "results")):
        rows: list[dict[str, Any]] = []
        for i, path in enumerate(done(do, some, workers), start=1):
            rows += json.loads(path.read_text())
            write_csv(out / f"{file}.csv", rows)
            print(f"{title} {i}/{len(some)}: {path.stem}", flush=True)


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
    parser.add_argument("--quick", action="store_true", help="a few steps, in a temporary folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not arguments.quick:
        study(HERE / "work", HERE, steps=None, seeds=SEEDS, workers=arguments.workers)
        return
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        study(out / "work", out, steps=6, seeds=(0,), workers=arguments.workers)
        with (out / "results.csv").open() as file:
            rows = list(csv.DictReader(file))
        print(f"{len(rows)} rows of {len({(r['task'], r['arm']) for r in rows})} arms")


if __name__ == "__main__":
    main()
