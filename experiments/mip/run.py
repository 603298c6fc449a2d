"""Does the magnitude-invariant parametrization help a hypernetwork that writes subnets?

    python experiments/mip/run.py              train what results.csv lacks
    python experiments/mip/run.py --workers 4  in four processes of one thread
    python experiments/mip/run.py --quick      a few steps, to see that it works; writes nothing
    hypernas report experiments/mip --trust            make tables and figure of results.csv

A run that is stopped goes on with the next run of the grid; a run that diverges is a row like any other.
"""

import argparse
import csv
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import torch
from section import TARGET_LOSS

from hypernas.data import Data, mnist1d
from hypernas.evaluation import write_csv
from hypernas.generators import mip_hypernetwork
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.schedules import Constant
from hypernas.spaces import mlp
from hypernas.training import (
    Callback,
    Diverged,
    Event,
    Stepped,
    Strategy,
    Task,
    Training,
    TrainingRun,
    Validated,
)
from hypernas.training.callbacks import Validation

HERE = Path(__file__).parent
ARMS = {
    "plain": {"encode": False, "independent": False},
    "encoding": {"encode": True, "independent": False},
    "theta_0": {"encode": False, "independent": True},
    "mip": {"encode": True, "independent": True},
    "mip_normalized": {"encode": True, "independent": True, "normalize": True},
}
OPTIMIZERS = {
    "adamw": partial(torch.optim.AdamW, weight_decay=0.0),
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}
LEARNING_RATES = {
    "adamw": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "sgd": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}
SEEDS = (0, 1, 2)
STEPS = 300
WINDOW = 20  # steps over which the training loss is averaged
FIRST = 100  # steps over which the gradient is watched
KEY = ("arm", "optimizer", "lr", "seed", "steps")


class Trace(Callback):
    """Loss and gradient norm of every step, and the random subnets' last mean accuracy."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.gradients: list[float] = []
        self.accuracy = float("nan")

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Stepped(figures=figures) if figures is not None:
                self.losses.append(figures["loss"])
                self.gradients.append(figures["gradient_norm"])
            case Validated(subnets=subnets):
                random = [f["accuracy"] for label, (_, f) in subnets.items() if "random" in label]
                self.accuracy = statistics.mean(random)


@cache
def signals() -> Data:
    return mnist1d()


def measure(run: tuple[str, str, float, int, int], *, device: str) -> dict:
    """Train one arm; what could not be measured is empty. `run` is as KEY says."""
    arm, optimizer, lr, seed, steps = run
    torch.set_num_threads(1)
    data, trace, diverged = signals(), Trace(), False
    space = mlp(
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        depths=(1, 2, 3),
        widths=(16, 24, 32),
        norm="none",
    )
    training = Training(steps=steps, max_grad_norm=None, precision="float32", log_every=1)
    strategy = Strategy(
        sampler=Sandwich(num_random=1),
        optimizer=partial(OPTIMIZERS[optimizer], lr=lr),
        schedule=Constant(warmup=0.05),
        seed=seed,
    )
    started = time.monotonic()
    try:
        training.run(
            mip_hypernetwork(space, **ARMS[arm], seed=seed),
            Task(data, CrossEntropy(label_smoothing=0.0)),
            strategy,
            callbacks=[trace, Validation(every=steps, num_subnets=12)],
            device=device,
        )
    except Diverged:
        diverged = True
    means = [statistics.fmean(w) for w in windows(trace.losses)]
    reached = [WINDOW + i for i, loss in enumerate(means) if loss <= TARGET_LOSS]
    cv = float("nan")
    if len(trace.gradients) >= min(FIRST, steps):
        first = trace.gradients[:FIRST]
        cv = statistics.stdev(first) / statistics.fmean(first)
    return {
        **dict(zip(KEY, run, strict=True)),
        "steps_to_loss": reached[0] if reached else "",
        "gradient_norm_cv": shown(cv),
        "accuracy": shown(float("nan") if diverged else trace.accuracy),
        "final_loss": shown(float("nan") if diverged else means[-1]),
        "diverged": int(diverged),
        "seconds": round(time.monotonic() - started, 1),
    }


def windows(losses: list[float]) -> Iterator[list[float]]:
    """The losses of steps 1 to WINDOW, 2 to WINDOW + 1, ..."""
    return (losses[i : i + WINDOW] for i in range(len(losses) - WINDOW + 1))


def shown(value: float) -> float | str:
    return "" if value != value else round(value, 5)


def grid() -> list[tuple[str, str, float, int, int]]:
    """Every run of the study, seed by seed."""
    return [
        (arm, optimizer, lr, seed, STEPS)
        for seed, (optimizer, rates) in itertools.product(SEEDS, LEARNING_RATES.items())
        for lr, arm in itertools.product(rates, ARMS)
    ]


def train(path: Path, *, workers: int, device: str) -> None:
    """Do the runs that the table at `path` lacks, adding each as it is done."""
    rows = read(path) if path.exists() else []
    done = {tuple(row[name] for name in KEY) for row in rows}
    order = {tuple(map(str, run)): i for i, run in enumerate(grid())}
    missing = [run for run in grid() if tuple(map(str, run)) not in done]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for row in pool.imap_unordered(partial(measure, device=device), missing):
            rows.append({name: str(value) for name, value in row.items()})
            rows.sort(key=lambda row: order[tuple(row[name] for name in KEY)])
            write_csv(path, rows)
            print(*row.values(), flush=True)


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps, writing nothing")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    arguments = parser.parse_args()
    if arguments.quick:
        for run in itertools.product(ARMS, OPTIMIZERS, (0.01,), (0,), (25,)):
            print(*measure(run, device=arguments.device).values(), flush=True)
    else:
        train(HERE / "results.csv", workers=arguments.workers, device=arguments.device)


if __name__ == "__main__":
    main()
