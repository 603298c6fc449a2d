"""Latency models on the eight tables of Hardware-Aware Transformers, at the same training points.

    python experiments/latency/tables.py FOLDER             fit what results.csv lacks
    python experiments/latency/tables.py FOLDER --arms best  of these arms alone

FOLDER holds the tables, NAME.csv or NAME.csv.xz (github.com/mit-han-lab/hardware-aware-transformers,
latency_dataset). Work that is stopped goes on with the next fit.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from hypernas.evaluation import kendall_tau
from hypernas.predictors.hat import HatNetwork
from hypernas.predictors.predictor import Predictor
from hypernas.predictors.ridge import Ridge
from hypernas.predictors.selection import Best
from hypernas.predictors.trees import Trees
from hypernas.space import Architecture, SearchSpace

HERE = Path(__file__).parent
NORMS = (640, 6, 2048, 6, 640, 6, 2048, 6, 6, 2)  # of the ten columns, in HAT's own configurations
LAYERS = "decoder_layer_num"
ROW = "row"  # in the order in which the table was measured
SIZES, SEEDS = (900, 200), (0, 1, 2)
NUM_SEEN = 600  # rows at a table's beginning, on which models were looked at before
NUM_TEST = 500
KEY = ("table", "arm", "order", "points", "seed")

Values = Sequence[float]


def features_of(names: Sequence[str], norms: Values) -> Callable[[Architecture], Any]:
    """The features that are given, each divided by a constant."""
    return lambda architecture: [
        architecture[n] / norm for n, norm in zip(names, norms, strict=True)
    ]


def layers_alone(space: SearchSpace, seed: int) -> Predictor:
    """A straight line over the decoder's layers."""
    return Ridge(
        space, degree=1, alphas=(1e-9,), relative=False, features=features_of([LAYERS], [1])
    )


def hat(space: SearchSpace, seed: int) -> Predictor:
    """HAT's network with HAT's own normalization."""
    names = list(space.choices)
    norms = [*NORMS, 2000][: len(names)]
    return HatNetwork(space, seed=seed, features=features_of(names, norms))


def best(space: SearchSpace, seed: int) -> Predictor:
    """The best by cross-validation on the training points."""
    candidates = [
        Ridge(space, degree=1),
        Ridge(space, degree=2),
        Trees(space, seed=seed),
    ]
    return Best(candidates, seed=seed)


ARMS: Mapping[str, Callable[[SearchSpace, int], Predictor]] = {
    "layers": layers_alone,
    "ridge": lambda space, seed: Ridge(space),
    "trees": lambda space, seed: Trees(space, seed=seed),
    "best": best,
    "hat": hat,
}


@cache
def read(path: Path) -> tuple[SearchSpace, list[Architecture], np.ndarray]:
    """A table as a space of its columns and the order, its rows, and their latencies in ms."""
    rows = pd.read_csv(path)
    columns = list(rows.columns[:10])
    values = {name: sorted(set(rows[name].tolist())) for name in columns}
    space = SearchSpace({**values, ROW: range(len(rows))}, lambda _: nn.Identity())
    records = rows[columns].to_dict("records")
    architectures = [space.architecture({**r, ROW: i}) for i, r in enumerate(records)]
    return space, architectures, (rows.latency_mean_encoder + rows.latency_mean_decoder).to_numpy()


@cache
def without_order(path: Path) -> tuple[SearchSpace, list[Architecture], np.ndarray]:
    """As `read`, but for the order."""
    space, architectures, latencies = read(path)
    choices = {name: choice for name, choice in space.choices.items() if name != ROW}
    smaller = SearchSpace(choices, lambda _: nn.Identity())
    own = [smaller.architecture({n: a[n] for n in choices}) for a in architectures]
    return smaller, own, latencies


def measure(path: Path, arm: str, order: int, points: int, seed: int) -> dict[str, Any]:
    """Fit one arm on some rows, and judge it on others."""
    space, architectures, latencies = (read if order else without_order)(path)
    own = np.random.default_rng(seed).permutation(np.arange(NUM_SEEN, len(latencies)))
    test, train = own[:NUM_TEST], own[NUM_TEST : NUM_TEST + points]
    predictor = ARMS[arm](space, seed)
    started = time.process_time()
    predictor.fit([architectures[i] for i in train], latencies[train].tolist())
    spent = time.process_time() - started
    predicted = np.array(predictor.predict([architectures[i] for i in test]))
    errors = np.abs(predicted - latencies[test]) / latencies[test]
    return {
        "mape": round(100 * float(errors.mean()), 4),
        "median_error": round(100 * float(np.median(errors)), 4),
        "tau": round(float(kendall_tau(predicted, latencies[test])), 4),
        "seconds": round(spent, 2),
    }


def plan(tables: Sequence[str], arms: Sequence[str]) -> Iterator[tuple[str, str, int, int, int]]:
    """All fits, as KEY says; the most expensive of a seed last, and HAT's only without the order."""
    for points, seed in itertools.product(SIZES, SEEDS):
        for arm, order in itertools.product(arms, (0, 1)):
            if not (order and arm in ("hat", "layers")):
                for table in tables:
                    yield table, arm, order, points, seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--out", type=Path, default=HERE / "results.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tables = {p.name.split(".")[0]: p for p in sorted(options.folder.glob("*.csv*"))}
    done = set()
    if options.out.exists():
        done = {tuple(row[k] for k in KEY) for row in csv.DictReader(options.out.open())}
    for key in plan(list(tables), options.arms):
        if tuple(map(str, key)) in done:
            continue
        row = dict(zip(KEY, key, strict=True))
        row |= measure(tables[key[0]], *key[1:])
        fresh = not options.out.exists()
        with options.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
