"""Do gates by input, trained with polarization, become one smaller network that is as good?

    python experiments/consensus/run.py                 go on with what results.csv lacks
    python experiments/consensus/run.py --latency       time the networks that were made, all in turns, into latency.csv
    python experiments/consensus/run.py --quick         a few steps, to see that it works; writes nothing

A small residual network on Fashion-MNIST, with gates of the hidden channels of its blocks or of whole blocks, beside
the same network without gates by the same recipe. Gates are decided on validation; test is read once, after that.
"""

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hypernas import SearchSpace
from hypernas.cost import flops, num_parameters
from hypernas.data import Data, fashion_mnist
from hypernas.evaluation import Recipe, write_csv
from hypernas.evaluation.subnet_training import train_subnet
from hypernas.latency import BusyWarning, Latency, Rounds
from hypernas.masks import Consensus, Decision, GatedNetwork, decide, frozen, gated
from hypernas.objectives import CrossEntropy, Objective, assess
from hypernas.schedules import Cosine
from hypernas.space import Choice
from hypernas.spaces import conv2d
from hypernas.training import Training

HERE = Path(__file__).parent
NETWORKS = Path("networks")  # of the working folder: what is timed
BATCH, LR = 64, 0.01
RUNS = {600: (0, 1, 2), 2400: (10, 11, 12, 13, 14)}  # steps -> seeds
TARGET = 0.5
MODULES = {"channel": "*.expand_norm", "layer": "*.blocks.?"}
ARMS: dict[str, tuple[str, float] | None] = {  # arm -> level and weight of polarization
    "full": None,
    "channel": ("channel", 1.0),
    "channel_unpolarized": ("channel", 0.0),
    "layer": ("layer", 1.0),
    "layer_unpolarized": ("layer", 0.0),
}
KEY = ("steps", "arm", "seed")


@cache
def data() -> Data:
    return fashion_mnist()


def space() -> SearchSpace:
    """One network: two stages of two residual blocks, of 16 and 32 channels, 32 and 64 within blocks."""
    return conv2d(
        input_shape=data().input_shape,
        num_classes=10,
        widths=[[16], [32]],
        depths=[2],
        kernels=[3],
        expansions=[2],
        stem_stride=2,
    )


def trained(own: SearchSpace, objective: Objective, *, seed: int, steps: int) -> nn.Module:
    """The network of a space of one architecture, with norms calibrated on training data."""
    recipe = Recipe(
        training=Training(steps=steps, batch_size=BATCH, precision="float32", log_every=1_000_000),
        objective=objective,
        optimizer=partial(torch.optim.AdamW, lr=LR, weight_decay=0.0),
        schedule=Cosine(final=0.0),
    )
    generator = train_subnet(own, data(), recipe, own.largest(), seed=seed, device="cpu")
    return generator.export(
        own.largest(), statistics=generator.calibrate(own.largest(), data().calibration(16))
    )


def accuracy(model: Callable[..., Any], split: str) -> float:
    own = CrossEntropy(label_smoothing=0.0)
    objective = Consensus(objective=own) if isinstance(model, GatedNetwork) else own
    return round(100 * assess(model, data().in_order(split), objective)["accuracy"], 3)


def cell(steps: int, arm: str, seed: int) -> tuple[dict[str, Any], nn.Module]:
    """A row of results.csv, and the network that is left."""
    started = time.process_time()
    row: dict[str, Any] = {"steps": steps, "arm": arm, "seed": seed}
    plain = CrossEntropy(label_smoothing=0.0)
    if (wanted := ARMS[arm]) is None:
        left = trained(space(), plain, seed=seed, steps=steps)
        row |= {"dynamic": "", "kept": 1.0, "undecided": "", "disagreement": ""}
    else:
        level, weight = wanted
        own = gated(space(), modules=MODULES[level], level=level)
        objective = Consensus(objective=plain, target=TARGET, polarization=weight)
        network = trained(own, objective, seed=seed, steps=steps)
        found: Decision = decide(network, (x for x, _ in data().in_order("validation")))
        left = frozen(network, found, data().example(num=8), calibration=data().calibration(16))
        row |= {
            "dynamic": accuracy(network, "test"),
            "kept": round(found.share, 4),
            "undecided": round(found.undecided, 4),
            "disagreement": round(found.disagreement, 4),
        }
    example = data().example(num=1)
    row |= {
        "static": accuracy(left, "test"),
        "validation": accuracy(left, "validation"),
        "parameters": num_parameters(left),
        "mflops": round(flops(left, example) / 1e6, 3),
    }
    return row | {"seconds": round(time.process_time() - started, 1)}, left


def go_on() -> None:
    """Do the cells that the table lacks, adding each as it is done."""
    path = HERE / "results.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    done = {tuple(row[name] for name in KEY) for row in rows}
    NETWORKS.mkdir(exist_ok=True)
    for steps, arm, seed in wanted():
        if (str(steps), arm, str(seed)) in done:
            continue
        row, left = cell(steps, arm, seed)
        torch.save(left, NETWORKS / f"{steps}-{arm}-{seed}.pt")
        rows.append({name: str(value) for name, value in row.items()})
        write_csv(path, rows)
        print(*row.values(), flush=True)


def wanted() -> list[tuple[int, str, int]]:
    return [(n, arm, seed) for n, seeds in RUNS.items() for seed in seeds for arm in ARMS]


def time_networks() -> None:
    """Time all networks that are there in turns: one image, one thread of onnxruntime."""
    names = [path.stem for path in sorted(NETWORKS.glob("*.pt"))]
    made = {name: torch.load(NETWORKS / f"{name}.pt", weights_only=False) for name in names}
    own = SearchSpace(
        {"network": Choice(names, ordered=False)},
        lambda architecture: made[architecture["network"]],
    )
    latency = Latency(own, data().example(num=1), rounds=Rounds(most=200, seconds=50))
    latency([own.architecture({"network": name}) for name in names])
    rows = []
    for architecture, timing in latency.timings.items():
        steps, arm, seed = architecture["network"].split("-")
        ms = {"ms": timing.median, "low": timing.low, "high": timing.high}
        rows.append(
            {"steps": steps, "arm": arm, "seed": seed, **{k: round(v, 5) for k, v in ms.items()}}
        )
    write_csv(HERE / "latency.csv", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps, writing nothing")
    parser.add_argument("--latency", action="store_true", help="time what was made")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.latency:
        warnings.simplefilter("always", BusyWarning)
        time_networks()
    elif given.quick:
        for arm in ARMS:
            print(*cell(5, arm, 0)[0].values(), flush=True)
    else:
        go_on()


if __name__ == "__main__":
    main()
