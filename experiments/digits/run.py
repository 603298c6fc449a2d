"""Do generated weights beat shared ones on digits? Three generators, budgets and seeds.

    python experiments/digits/run.py            train everything, write results.csv
    python experiments/digits/run.py --quick    a few steps, to see that it works; writes nothing
    hypernas report experiments/digits --trust          make the table of results.csv

The learning rate of each arm is tuned on the validation split, with the same number of trials and a
seed that is not reported; the test split is read once for each run that is.
"""

import argparse
import itertools
import time
from functools import partial
from pathlib import Path

import torch

from hypernas import generators
from hypernas.data import digits
from hypernas.evaluation import evaluate, mean, write_csv
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich, sample_subnets
from hypernas.spaces import conv2d
from hypernas.training import Strategy, Task, Training

HERE = Path(__file__).parent
ARMS = {
    "shared": generators.shared,
    "mos_neuron": generators.mos_neuron,
    "hypernas": partial(generators.hypernas, coefficient_lr_scale=1.0),  # the default then
}
LEARNING_RATES = (0.003, 0.01, 0.03)
SEEDS = (0, 1, 2)
TUNING_SEED = 1000
BUDGETS = (75, 150, 300)  # steps
NUM_SUBNETS = 20


def train(arm: str, *, lr: float, seed: int, steps: int) -> tuple[Generator, float]:
    """A trained generator, and the seconds it took."""
    data = digits()
    generator = ARMS[arm](conv2d(input_shape=data.input_shape, num_classes=10), seed=seed)
    strategy = Strategy(
        sampler=Sandwich(num_random=2),
        optimizer=partial(torch.optim.AdamW, lr=lr, weight_decay=0.01),
        seed=seed,
    )
    task = Task(data, CrossEntropy(label_smoothing=0.1))
    started = time.monotonic()
    Training(steps=steps, batch_size=64).run(generator, task, strategy)
    return generator, time.monotonic() - started


def measure(generator: Generator, *, split: str) -> list[dict]:
    """A row for the largest subnet and each of the fixed random ones."""
    subnets = sample_subnets(generator.space, NUM_SUBNETS, seed=0)
    subnets.pop("smallest")
    found = evaluate(generator, digits(), subnets, objective=CrossEntropy(), split=split)
    return [evaluation.row() for evaluation in found]


def tuned(arm: str, *, steps: int) -> float:
    """The learning rate of the best mean validation accuracy over the random subnets."""
    scores = {}
    for lr in LEARNING_RATES:
        generator, _ = train(arm, lr=lr, seed=TUNING_SEED, steps=steps)
        subnets = sample_subnets(generator.space, NUM_SUBNETS, seed=0)
        found = evaluate(generator, digits(), subnets, objective=CrossEntropy(), split="validation")
        scores[lr] = mean([e for e in found if e.label.startswith("random")], "accuracy")
        print(f"{arm}: lr {lr}, validation accuracy {scores[lr]:.4f}", flush=True)
    return max(scores, key=scores.__getitem__)


def run(*, budgets: tuple[int, ...], seeds: tuple[int, ...]) -> list[dict]:
    rows = []
    for steps, arm in itertools.product(budgets, ARMS):
        lr = tuned(arm, steps=steps)
        for seed in seeds:
            generator, seconds = train(arm, lr=lr, seed=seed, steps=steps)
            stored = generator.describe().num_stored
            head = {"arm": arm, "seed": seed, "steps": steps, "lr": lr, "stored": stored}
            measured = measure(generator, split="test")
            rows += [head | {"seconds": round(seconds, 1)} | row for row in measured]
            print(f"{arm}: {steps} steps, seed {seed}, {seconds:.0f} s", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few steps, writing nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        run(budgets=(5,), seeds=(0,))
    else:
        write_csv(HERE / "results.csv", run(budgets=BUDGETS, seeds=SEEDS))


if __name__ == "__main__":
    main()
