"""The tables of a whole space: what each architecture costs, and how good it is in every trained generator.

    python experiments/search_under_constraints/generate.py           trains and judges what tables/ lacks
    python experiments/search_under_constraints/generate.py costs     writes tables/costs.csv, on a quiet core

Latencies do not depend on the weights' values, so they are measured once.
"""

import argparse
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from hypernas import SearchSpace, generators
from hypernas.cost import Flops, Parameters
from hypernas.data import Data, mnist1d
from hypernas.evaluation import write_csv
from hypernas.generators import Generator
from hypernas.latency import OnnxRuntime, Rounds, Timing
from hypernas.latency.machine import Load, processor
from hypernas.latency.turns import measure
from hypernas.objectives import CrossEntropy, assess
from hypernas.sampling import Uniform
from hypernas.schedules import Cosine
from hypernas.spaces import conv1d
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded
from hypernas.training import Strategy, Task, Training

TABLES = Path(__file__).parent / "tables"
COSTS = "costs.csv"
ARMS: Mapping[str, Callable[..., Generator]] = {
    "shared": generators.shared,
    "hypernas": generators.hypernas,
}
SEEDS = range(8)  # of generators
STEPS = 1000
CALIBRATION = 8  # batches
ROUNDS = Rounds(least=1001, most=1001, group=1000)


def signals(**sizes: int) -> Data:
    """Signals of MNIST-1D with the noise of `gap_conv1d`."""
    return mnist1d(**{"num_test": 2000, **sizes}, noise=0.05, correlated_noise=0.3)


def small_networks(**changes: Any) -> SearchSpace:
    """324 convolutional networks over signals of 40 numbers."""
    settings = {
        "widths": ((4, 6, 8), (8, 12, 16)),
        "depths": (1, 2),
        "kernels": (3, 7),
        "expansions": (2,),
    }
    return conv1d(input_shape=(1, 40), num_classes=10, **{**settings, **changes})


def trained(arm: str, space: SearchSpace, data: Data, *, steps: int, seed: int) -> Generator:
    """A generator under the default strategy of `hypernas train`, the same for all arms."""
    generator = ARMS[arm](space, seed=seed)
    optimizer = functools.partial(torch.optim.AdamW, lr=0.003, weight_decay=0.01, fused=True)
    strategy = Strategy(
        sampler=Uniform(), optimizer=optimizer, schedule=Cosine(warmup=0.1), seed=seed
    )
    training = Training(steps=steps, batch_size=64)
    training.run(generator, Task(data, CrossEntropy()), strategy, device="cpu")
    return generator.eval()


@torch.no_grad()
def accuracies(generator: Generator, data: Data) -> Iterator[dict[str, float]]:
    """A row an architecture, in the space's order: accuracy on validation and on test, norms calibrated."""
    batches = data.calibration(CALIBRATION, batch_size=128)
    for architecture in generator.space.enumerate():
        statistics = generator.calibrate(architecture, batches)
        model = generator.export(architecture, statistics=statistics)
        yield {
            split: round(assess(model, data.in_order(split), CrossEntropy())["accuracy"], 6)
            for split in ("validation", "test")
        }


def write_accuracies(
    folder: Path, space: SearchSpace, data: Data, *, steps: int, seeds: range
) -> None:
    """Train and judge the generators that the folder lacks, a seed of each arm after the other."""
    for seed in seeds:
        for arm in ARMS:
            path = folder / f"{arm}_{seed}.csv"
            if path.exists():
                continue
            started = time.process_time()
            generator = trained(arm, space, data, steps=steps, seed=seed)
            half = time.process_time()
            write_csv(path, list(accuracies(generator, data)))
            spent = time.process_time() - half
            print(
                f"{path.name}: {half - started:.0f} + {spent:.0f} s of CPU to train and judge",
                flush=True,
            )


def latencies(space: SearchSpace, rounds: Rounds) -> tuple[list[list[Timing]], float]:
    """Two timings of every architecture, and the cores that others kept busy meanwhile.

    onnxruntime, one thread, batches of one. All take turns; the second measurement begins after the first.
    """
    backend, load = OnnxRuntime(), Load()
    inputs = Arguments.of(torch.zeros(1, 1, 40))
    every = list(space.enumerate())
    runs = {}
    for architecture in every:
        module = build_seeded(space, architecture).eval()
        runs[str(architecture)] = backend.prepare(module, inputs, threads=1)
    load.start()
    found = [measure(runs, rounds) for _ in range(2)]
    return [[timings[str(a)] for a in every] for timings in found], load.others()


def write_costs(path: Path, space: SearchSpace, data: Data, rounds: Rounds) -> None:
    every = list(space.enumerate())
    parameters, flops = Parameters(space)(every), Flops(space, data.example(num=1))(every)
    (first, second), others = latencies(space, rounds)
    rows = [
        {name: architecture.get(name, "") for name in space.choices}
        | {
            "parameters": int(parameters[i]),
            "flops": int(flops[i]),
            "latency": round(first[i].median, 6),
            "latency_low": round(first[i].low, 6),
            "latency_high": round(first[i].high, 6),
            "latency_again": round(second[i].median, 6),
        }
        for i, architecture in enumerate(every)
    ]
    write_csv(path, rows)
    print(
        f"{path.name}: {first[0].rounds} rounds on {processor()}; others kept {others:.2f} cores busy",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="accuracies", choices=["accuracies", "costs"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    TABLES.mkdir(exist_ok=True)
    if arguments.what == "costs":
        write_costs(TABLES / COSTS, small_networks(), signals(), ROUNDS)
    else:
        write_accuracies(TABLES, small_networks(), signals(), steps=STEPS, seeds=SEEDS)


if __name__ == "__main__":
    main()
