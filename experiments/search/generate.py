"""The tables of whole spaces: train one generator each, then measure every architecture once.

python experiments/search/generate.py            writes tables/signals.csv, tables/digits.csv
python experiments/search/generate.py signals    one of them
"""

import argparse
import functools
import time
from collections.abc import Callable
from pathlib import Path

import torch

from hypernas import SearchSpace, generators
from hypernas.cost import flops, num_parameters
from hypernas.data import Data, digits, mnist1d
from hypernas.evaluation import write_csv
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy, assess
from hypernas.sampling import Uniform
from hypernas.schedules import Cosine
from hypernas.spaces import conv1d, mlp
from hypernas.subnet.skeleton import build_skeleton
from hypernas.training import Strategy, Task, Training

TABLES = Path(__file__).parent / "tables"


def signals_space() -> SearchSpace:
    """1,600 convolutional networks over signals: the table that is reported."""
    return conv1d(
        input_shape=(1, 40),
        num_classes=10,
        widths=((4, 12), (8, 24)),
        depths=(1, 2),
        kernels=(3, 7),
    )


def digits_space() -> SearchSpace:
    """780 networks over images of digits: the table that defaults are tuned on."""
    return mlp(
        input_shape=(1, 8, 8), num_classes=10, depths=(1, 2, 3, 4), widths=(4, 8, 16, 32, 64)
    )


SPACES: dict[str, tuple[Callable[[], SearchSpace], Callable[[], Data]]] = {
    "signals": (signals_space, mnist1d),
    "digits": (digits_space, digits),
}
STEPS = {"signals": 6000, "digits": 200}


def trained(space: SearchSpace, data: Data, *, steps: int) -> Generator:
    generator = generators.hypernas(space, seed=0)
    strategy = Strategy(
        sampler=Uniform(num=1),
        optimizer=functools.partial(torch.optim.AdamW, lr=0.01),
        schedule=Cosine(warmup=0.1),
        seed=0,
    )
    Training(steps=steps, batch_size=128).run(generator, Task(data, CrossEntropy()), strategy)
    return generator.eval()


@torch.no_grad()
def rows(generator: Generator, data: Data) -> list[dict]:
    """A row an architecture: its choices, validation measures (norms calibrated), its costs."""
    batches = data.calibration(16, batch_size=128, device=generator.device)
    found = []
    for architecture in generator.space.enumerate():
        statistics = generator.calibrate(architecture, batches)
        model = generator.export(architecture, statistics=statistics)
        measures = assess(
            model, data.in_order("validation", device=generator.device), CrossEntropy()
        )
        plain = build_skeleton(generator.space, architecture)
        found.append(
            {name: architecture.get(name, "") for name in generator.space.choices}
            | {name: round(value, 6) for name, value in measures.items()}
            | {"parameters": num_parameters(plain), "flops": flops(plain, data.example(num=1))}
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    TABLES.mkdir(exist_ok=True)
    for name in arguments.tables or SPACES:
        make_space, make_data = SPACES[name]
        started, data = time.monotonic(), make_data()
        generator = trained(make_space(), data, steps=STEPS[name])
        print(f"{name}: trained in {time.monotonic() - started:.0f} s", flush=True)
        write_csv(TABLES / f"{name}.csv", rows(generator, data))
        print(f"{name}: {time.monotonic() - started:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
