"""Is the flagship behind weight sharing under an optimizer that knows nothing of it?

    python experiments/plain_optimizer/run.py            train everything, write results.csv
    python experiments/plain_optimizer/run.py --quick    a few steps, to see that it works; writes nothing
    hypernas report experiments/plain_optimizer --trust          make the tables of results.csv

The loop is that of the README's ten lines: one random architecture a step, all examples in every
batch, torch's own optimizer on `generator.parameters()`, no schedule and no clipping.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from cases import CASES, Case
from torch import nn

from hypernas import generators
from hypernas.evaluation import write_csv
from hypernas.generators import Generator

HERE = Path(__file__).parent
STEPS = 100
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": partial(torch.optim.AdamW, lr=0.005),
    "sgd": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
}
BEFORE = partial(
    generators.hypernas, coefficient_lr_scale=1.0, centre=True
)  # the last layer as it is
ARMS: dict[str, Callable[..., Generator]] = {
    "shared": generators.shared,
    "hypernas": generators.hypernas,
    "before": BEFORE,
    "before_groups": BEFORE,
}
SEEDS = {"adamw": range(6), "sgd": range(3)}
FEW_SEEDS = range(3)  # of the arms of before
GROUPS_SCALE = 0.3  # what `parameter_groups()` told of the hypernetwork then


def parameters(arm: str, generator: Generator, lr: float) -> list[dict]:
    """All alike, but for the arm that reads the groups of before."""
    if arm != "before_groups":
        return [{"params": list(generator.parameters())}]
    source = list(generator.source.parameters())
    own = {id(parameter) for parameter in source}
    rest = [p for p in generator.parameters() if id(p) not in own]
    return [{"params": rest}, {"params": source, "lr": GROUPS_SCALE * lr}]


def train(case: Case, arm: str, optimizer: str, *, seed: int, steps: int) -> Generator:
    generator = ARMS[arm](case.space, seed=seed)
    make = OPTIMIZERS[optimizer]
    lr = make.keywords["lr"]  # type: ignore[attr-defined]
    moved = make(parameters(arm, generator, lr))
    rng = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        outputs = generator.call(case.space.sample(rng), case.inputs)
        nn.functional.cross_entropy(outputs, case.labels).backward()
        moved.step()
        moved.zero_grad()
    return generator.eval()


@torch.no_grad()
def accuracy(generator: Generator, case: Case) -> float:
    """On the training examples, mean over all subnets, norms calibrated."""
    found = []
    for architecture in case.space.enumerate():
        statistics_ = generator.calibrate(architecture, [case.inputs])
        outputs = generator.call(architecture, case.inputs, statistics=statistics_)
        found.append((outputs.argmax(1) == case.labels).float().mean().item())
    return statistics.fmean(found)


def seeds(arm: str, optimizer: str) -> range:
    return FEW_SEEDS if arm.startswith("before") else SEEDS[optimizer]


def run(*, steps: int, quick: bool) -> list[dict]:
    rows = []
    for name, make in CASES.items():
        case = make()
        for optimizer in OPTIMIZERS:
            for arm in ARMS:
                if (arm, optimizer) == ("before_groups", "sgd"):
                    continue  # those groups were for Adam
                started = time.monotonic()
                for seed in seeds(arm, optimizer)[: 1 if quick else None]:
                    trained = train(case, arm, optimizer, seed=seed, steps=steps)
                    head = {"case": name, "optimizer": optimizer, "arm": arm, "seed": seed}
                    rows.append(head | {"accuracy": round(accuracy(trained, case), 4)})
                seconds = time.monotonic() - started
                print(f"{name}, {optimizer}, {arm}: {seconds:.0f} s", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps, writing nothing")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = run(steps=3 if quick else STEPS, quick=quick)
    if not quick:
        write_csv(HERE / "results.csv", rows)


if __name__ == "__main__":
    main()
