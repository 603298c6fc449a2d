"""Latency models on this machine's onnxruntime: what is predicted of subnets that were not measured?

    python experiments/latency/device.py                 measure and judge what device.csv lacks
    python experiments/latency/device.py --num 20 --held 10 --out FILE   fewer subnets, to see that it works

Random subnets, exported once, are measured twice, the second time after all of the first: how far apart
the two are is the error of measuring. Predictors learn of the first, and are judged by both.
"""

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hypernas.evaluation import judge
from hypernas.latency import OnnxRuntime, Rounds, Timing
from hypernas.latency.machine import Load, processor
from hypernas.latency.turns import measure
from hypernas.predictors import Best, Pairwise, Predictor, Ridge, Trees
from hypernas.space import Architecture, SearchSpace
from hypernas.spaces import conv2d, vit
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded

HERE = Path(__file__).parent
IMAGE = (3, 32, 32)
SPACES: Mapping[str, Callable[[], SearchSpace]] = {
    "conv2d": lambda: conv2d(input_shape=IMAGE, num_classes=10),
    "vit": lambda: vit(input_shape=IMAGE, num_classes=10),
}
PREDICTORS: Mapping[str, Callable[[SearchSpace], Predictor]] = {
    "ridge": lambda space: Ridge(space, degree=1),
    "products": Ridge,
    "pairwise": Pairwise,
    "trees": Trees,
    "best": lambda space: Best([Ridge(space, degree=1), Ridge(space), Pairwise(space)]),
}


def drawn(space: SearchSpace, num: int) -> list[Architecture]:
    rng = torch.Generator().manual_seed(0)
    found: dict[Architecture, None] = {}
    while len(found) < num:
        found[space.sample(rng)] = None
    return list(found)


def measured(
    space: SearchSpace, architectures: list[Architecture], rounds: Rounds
) -> tuple[list[dict[str, Timing]], float]:
    """The timings of two measurements, and the cores that others kept busy meanwhile."""
    backend, load = OnnxRuntime(), Load()
    inputs = Arguments.of(torch.zeros(1, *IMAGE))
    runs = {
        str(a): backend.prepare(build_seeded(space, a).eval(), inputs, threads=1)
        for a in architectures
    }
    load.start()
    return [measure(runs, rounds) for _ in range(2)], load.others()


def rows_of(name: str, num: int, held: int, seconds: float) -> list[dict[str, Any]]:
    space = SPACES[name]()
    architectures = drawn(space, num + held)
    started = time.monotonic()
    rounds = Rounds(least=15, width=0.01, apart=0.01, seconds=seconds)
    (first, second), others = measured(space, architectures, rounds)
    a, b = ([timings[str(x)].median for x in architectures] for timings in (first, second))
    twice = np.abs(np.array(b[num:]) / np.array(a[num:]) - 1)
    shared = {
        "space": name,
        "processor": processor(),
        "points": num,
        "held_out": held,
        "median_ms": round(statistics.median(a), 4),
        "rounds": first[str(architectures[0])].rounds,
        "others_cores": round(others, 2),
        "cores": os.cpu_count(),
        "twice": round(100 * float(twice.mean()), 3),
        "seconds": round(time.monotonic() - started),
    }
    rows = []
    for arm, make in PREDICTORS.items():
        predictor = make(space)
        predictor.fit(architectures[:num], a[:num])
        found = judge(predictor, architectures[num:], a[num:])
        later = judge(predictor, architectures[num:], b[num:])
        rows.append(
            {
                **shared,
                "arm": arm,
                "mape": round(100 * found.mape.value, 3),
                "mape_low": round(100 * found.mape.low, 3),
                "mape_high": round(100 * found.mape.high, 3),
                "mape_of_second": round(100 * later.mape.value, 3),
                "tau": round(found.tau.value, 4),
                "tau_low": round(found.tau.low, 4),
                "tau_high": round(found.tau.high, 4),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num", type=int, default=150, help="subnets to learn of")
    parser.add_argument("--held", type=int, default=50, help="subnets to be judged on")
    parser.add_argument("--seconds", type=float, default=240.0, help="of each measurement")
    parser.add_argument("--spaces", nargs="+", default=list(SPACES), choices=list(SPACES))
    parser.add_argument("--out", type=Path, default=HERE / "device.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = set()
    if options.out.exists():
        done = {row["space"] for row in csv.DictReader(options.out.open())}
    for name in options.spaces:
        if name in done:
            continue
        rows = rows_of(name, options.num, options.held, options.seconds)
        fresh = not options.out.exists()
        with options.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            if fresh:
                writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
