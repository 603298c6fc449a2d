"""What does judging a subnet in a search cost, against `hypernas evaluate`?

python experiments/judging/run.py              ten rounds of each target; writes results.csv
python experiments/judging/run.py mlp conv2d   some targets; the rows of others stay
"""

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from hypernas import Architecture, SearchSpace, generators, spaces
from hypernas.data import Data, digits, mnist1d
from hypernas.evaluation import evaluate, write_csv
from hypernas.objectives import CrossEntropy
from hypernas.search.judge import Judge
from hypernas.training import Task

RESULTS = Path(__file__).parent / "results.csv"
ROUNDS, SUBNETS = 10, 3  # in each round that many new architectures
SYMBOLS, LENGTH = 65, 64
SAME = 1e-6  # by which figures may differ


def symbols() -> Data:
    """Random symbols, of as many as Tiny Shakespeare has: what they are takes no other time."""
    rng = torch.Generator().manual_seed(0)

    def part(num: int) -> TensorDataset:
        text = torch.randint(SYMBOLS, (num, LENGTH + 1), generator=rng)
        return TensorDataset(text[:, :-1], text[:, 1:])

    return Data("symbols", part(256), part(256), part(2), (LENGTH,), SYMBOLS)


TARGETS: dict[str, tuple[Callable[..., SearchSpace], Callable[[], Data]]] = {
    "mlp": (spaces.mlp, digits),
    "conv1d": (spaces.conv1d, mnist1d),
    "conv2d": (spaces.conv2d, digits),
    "vit": (spaces.vit, digits),
    "transformer_lm": (spaces.transformer_lm, symbols),
}


def rounds(name: str) -> Iterator[dict]:
    """Rows: CPU seconds of each arm for the same subnets, the first round left out as a warm-up."""
    make, data = TARGETS[name][0], TARGETS[name][1]()

    def generator() -> generators.Generator:
        space = make(input_shape=data.input_shape, num_classes=data.num_classes)
        return generators.hypernas(space).eval()

    judge, other = Judge([generator()], Task(data, CrossEntropy())), generator()
    space, rng, seen = other.space, torch.Generator().manual_seed(0), set[Architecture]()
    for number in range(ROUNDS + 1):
        some: list[Architecture] = []
        while len(some) < SUBNETS:
            if (one := space.sample(rng)) not in seen:
                some.append(one)
                seen.add(one)
        passes = [bare(other, one, data) for one in some]
        found: dict[str, list] = {}
        arms: dict[str, Callable[[], list]] = {
            "judge": lambda some=some: judge(some),
            "evaluate": lambda some=some: evaluated(other, some, data),
            "passes": lambda passes=passes: [one() for one in passes],
        }
        seconds: dict[str, float] = {}
        for arm in list(arms) if number % 2 else list(arms)[::-1]:
            started = time.process_time()
            found[arm] = arms[arm]()
            seconds[arm] = time.process_time() - started
        check_same(found["judge"], found["evaluate"])
        if number:
            yield {"target": name, "round": number, "subnets": SUBNETS} | {
                arm: round(seconds[arm], 5) for arm in arms
            }


def evaluated(generator: generators.Generator, some: list[Architecture], data: Data) -> list:
    """All that `hypernas evaluate` computes of some architectures, on the validation split."""
    named = {str(i): one for i, one in enumerate(some)}
    return list(evaluate(generator, data, named, objective=CrossEntropy(), split="validation"))


@torch.no_grad()
def bare(
    generator: generators.Generator, architecture: Architecture, data: Data
) -> Callable[[], None]:
    """The forward passes alone that judging needs, of a plain module on batches that are there.

    Calibration batches in training mode, where there are norms to calibrate, then validation.
    """
    module = generator.export(architecture)
    calibration = data.calibration(16) if dict(generator.statistics(architecture).tensors) else []
    validation = [inputs for inputs, _ in data.in_order("validation")]

    @torch.no_grad()
    def work() -> None:
        module.train()
        for inputs in calibration:
            module(inputs)
        module.eval()
        for inputs in validation:
            module(inputs)

    return work


def check_same(verdicts: list, evaluations: list) -> None:
    """Refuse to compare the times of different figures."""
    for verdict, one in zip(verdicts, evaluations, strict=True):
        for name, expected in one.calibrated.items():
            if abs(verdict[name].mean - expected) > SAME:
                raise ValueError(
                    f"{name} of {one.architecture}: judged {verdict[name].mean}, evaluated {expected}."
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=[], help=f"of {list(TARGETS)}")
    wanted = parser.parse_args().targets or list(TARGETS)
    torch.set_num_threads(1)
    rows = []
    if RESULTS.exists():
        with RESULTS.open() as file:
            rows = [row for row in csv.DictReader(file) if row["target"] not in wanted]
    for name in wanted:
        started = time.monotonic()
        rows = sorted([*rows, *rounds(name)], key=lambda row: list(TARGETS).index(row["target"]))
        write_csv(RESULTS, rows)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
