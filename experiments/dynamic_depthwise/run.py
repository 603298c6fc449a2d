"""Do depth-wise kernels that are made from what they read do better than static ones, and than local attention?

    python experiments/dynamic_depthwise/run.py           train what is missing; results.csv, tuning.csv
    python experiments/dynamic_depthwise/run.py --speed   time all arms in turns, on an idle machine; speed.csv
    python experiments/dynamic_depthwise/run.py --quick   a few steps of everything; writes nothing

Fashion-MNIST comes with Debian's package dataset-fashion-mnist (HYPERNAS_FASHION_MNIST: another folder), MNIST-1D from the package
mnist1d. What is done is kept in experiments/dynamic_depthwise/work; the same command goes on where it was stopped.
"""

import argparse
import itertools
import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas import SearchSpace
from hypernas.cost import flops, num_parameters
from hypernas.data import Data, fashion_mnist, mnist1d
from hypernas.evaluation import Recipe, write_csv
from hypernas.evaluation.subnet_training import train_subnet
from hypernas.latency import Rounds
from hypernas.latency.turns import measure
from hypernas.objectives import CrossEntropy, assess
from hypernas.schedules import Cosine
from hypernas.spaces import local_vit
from hypernas.storage.files import write_whole
from hypernas.training import Training

HERE = Path(__file__).parent
DATA: dict[str, Callable[[], Data]] = {
    "fashion_mnist": partial(fashion_mnist, num_train=20_000),
    "mnist1d": mnist1d,
}
PATCH = {"fashion_mnist": 4, "mnist1d": 1}
STEPS = {"fashion_mnist": 300, "mnist1d": 250}
ARMS: dict[str, dict[str, Any]] = {
    "static": {"mixers": ["static"]},
    "dynamic": {"mixers": ["dynamic"]},
    "dynamic_low_rank": {"mixers": ["dynamic"], "head": "low_rank"},
    "dynamic_templates": {"mixers": ["dynamic"], "head": "templates"},
    "dynamic_experts": {"mixers": ["dynamic"], "head": "experts"},
    "position": {"mixers": ["position"]},
    "attention": {"mixers": ["attention"]},
}
DEPTH, KERNEL, CHANNELS = 2, {"fashion_mnist": 5, "mnist1d": 7}, 32  # channels of `static`
LEARNING_RATES = (0.003, 0.01, 0.03)
SEEDS = (0, 1, 2)
TUNING_SEED = 1000
BATCH = 64


@cache
def data(name: str) -> Data:
    return DATA[name]()


def space(name: str, arm: str, channels: int) -> SearchSpace:
    """One network."""
    return local_vit(
        input_shape=data(name).input_shape,
        num_classes=data(name).num_classes,
        patch_size=PATCH[name],
        kernel=KERNEL[name],
        depths=[DEPTH],
        channels=channels,
        **ARMS[arm],
    )


def network(own: SearchSpace) -> nn.Module:
    return own.build(own.largest())


@cache
def channels_of(name: str, arm: str) -> int:
    """The channels at which an arm takes the FLOPs that are nearest to those of `static`."""
    example = data(name).example(num=1)

    def cost(one: str, channels: int) -> int:
        return flops(network(space(name, one, channels)).eval(), example)

    wanted = cost("static", CHANNELS)
    return min(range(8, 2 * CHANNELS, 4), key=lambda c: abs(cost(arm, c) - wanted))


def trained(
    name: str, arm: str, *, lr: float, seed: int, steps: int, split: str
) -> dict[str, float]:
    """Measures of an arm's network on a split, norms calibrated on training data."""
    own = space(name, arm, channels_of(name, arm))
    recipe = Recipe(
        training=Training(steps=steps, batch_size=BATCH, precision="float32", log_every=1_000_000),
        objective=CrossEntropy(label_smoothing=0.0),
        optimizer=partial(torch.optim.AdamW, lr=lr, weight_decay=0.01),
        schedule=Cosine(),
    )
    generator = train_subnet(own, data(name), recipe, own.largest(), seed=seed, device="cpu")
    statistics = generator.calibrate(own.largest(), data(name).calibration(16))
    model = generator.export(own.largest(), statistics=statistics)
    return assess(model, data(name).in_order(split), recipe.objective)


Job = tuple[str, str, int | None]  # data, arm, seed; without a seed it is tuning


def work(job: Job, *, folder: Path) -> list[dict[str, Any]]:
    """The rows of a job, which a file of its own keeps."""
    name, arm, seed = job
    path = folder / f"{name}-{arm}-{'tuning' if seed is None else seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    rows: list[dict[str, Any]] = []
    if seed is None:
        for lr in LEARNING_RATES:
            found = trained(
                name, arm, lr=lr, seed=TUNING_SEED, steps=STEPS[name], split="validation"
            )
            loss = round(found["cross_entropy"], 5)
            rows.append({"data": name, "arm": arm, "lr": lr, "loss": loss})
    else:
        tuning = work((name, arm, None), folder=folder)
        lr = min(tuning, key=lambda row: row["loss"])["lr"]
        test = trained(name, arm, lr=lr, seed=seed, steps=STEPS[name], split="test")
        channels = channels_of(name, arm)
        model = network(space(name, arm, channels)).eval()
        rows.append(
            {
                **{"data": name, "arm": arm, "seed": seed, "lr": lr, "channels": channels},
                "parameters": num_parameters(model),
                "mflops": round(flops(model, data(name).example(num=1)) / 1e6, 4),
                "accuracy": round(100 * test["accuracy"], 3),
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(rows))
    return rows


def step(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Gradients of a batch."""
    model.zero_grad()
    F.cross_entropy(model(inputs), targets).backward()


@torch.no_grad()
def inference(model: nn.Module, inputs: Tensor) -> None:
    model(inputs)


def speed() -> list[dict[str, Any]]:
    """Times of all arms of the width of `static`, in turns, and in units of its time: no arm has fewer channels here."""
    name, rows = "fashion_mnist", []
    models = {arm: network(space(name, arm, CHANNELS)) for arm in ARMS}
    for batch in (1, BATCH):
        inputs, targets = (tensor[:batch] for tensor in data(name).train.tensors)
        told = {"inference": inference}
        if batch > 1:
            told["step"] = partial(step, targets=targets)
        for what, do in told.items():
            for model in models.values():
                model.train(what == "step")
            runs = {arm: partial(do, model, inputs=inputs) for arm, model in models.items()}
            found = measure(runs, Rounds(least=20, most=200, seconds=60.0))
            base = found["static"].median
            for arm, timing in found.items():
                ms = {"ms": timing.median, "low": timing.low, "high": timing.high}
                rounded = {key: round(value, 4) for key, value in ms.items()}
                ratio = round(timing.median / base, 3)
                rows.append({"what": what, "batch": batch, "arm": arm, **rounded, "ratio": ratio})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three steps; writes nothing")
    parser.add_argument("--speed", action="store_true", help="time all arms in turns")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        for name, arm in itertools.product(DATA, ARMS):
            found = trained(name, arm, lr=0.01, seed=0, steps=3, split="validation")
            print(name, arm, channels_of(name, arm), round(found["accuracy"], 3), flush=True)
        return
    if arguments.speed:
        write_csv(HERE / "speed.csv", speed())
        return
    rows: dict[str, list[dict[str, Any]]] = {"tuning": [], "results": []}
    for name, seed, arm in itertools.product(DATA, (None, *SEEDS), ARMS):
        file = "tuning" if seed is None else "results"
        rows[file] += work((name, arm, seed), folder=HERE / "work")
        write_csv(HERE / f"{file}.csv", rows[file])
        print(file, name, arm, seed, flush=True)


if __name__ == "__main__":
    main()
