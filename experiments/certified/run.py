"""Does one generator hand out certified networks of every width, as good as those that are trained alone?

    python experiments/certified/run.py           train what is missing; results.csv, tuning.csv
    python experiments/certified/run.py --quick   a few steps of everything; writes nothing

Fashion-MNIST comes with Debian's package dataset-fashion-mnist (HYPERNAS_FASHION_MNIST: another folder). What is done is kept in
experiments/certified/work; the same command goes on where it was stopped.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from hypernas import SearchSpace, generators
from hypernas.certification import Certified, ibp
from hypernas.data import Data, fashion_mnist
from hypernas.evaluation import evaluate, write_csv
from hypernas.generators import Generator
from hypernas.growth import subspace
from hypernas.sampling import Fixed, Sandwich
from hypernas.schedules import Cosine
from hypernas.spaces import mlp
from hypernas.storage.files import write_whole
from hypernas.training import Strategy, Task, Training

HERE = Path(__file__).parent
DEPTH, WIDTHS = 3, (16, 32, 64, 128)
RADII = (0.02, 0.1)  # where pixels are from 0 to 1
STD = 0.3530  # by which the data divide pixels
LEARNING_RATES = (0.003, 0.01, 0.03)
SEEDS = (0, 1, 2)
TUNING_SEED = 1000
STEPS, BATCH = 800, 128
ALONE = [f"alone_{width}" for width in WIDTHS]
ABLATIONS = {"shared_kaiming": {"ibp": False}, "shared_plain_loss": {"regularization": 0.0}}
ARMS = ("shared", "hypernas", *ALONE)


@cache
def data() -> Data:
    return fashion_mnist(num_train=20_000, num_test=4_000)


def space() -> SearchSpace:
    """Three hidden layers, each of its own width, with batch norms."""
    return mlp(input_shape=data().input_shape, num_classes=10, depths=[DEPTH], widths=list(WIDTHS))


def of_width(width: int) -> dict[str, int]:
    return {"depth": DEPTH, **{f"width_{i}": width for i in range(DEPTH)}}


def objective(radius: float, **settings: Any) -> Certified:
    images = data().train.tensors[0]
    limits = {"low": float(images.min()), "high": float(images.max())}
    return Certified(radius=radius / STD, **limits, **settings)


def trained(arm: str, radius: float, *, lr: float, seed: int, steps: int) -> Generator:
    """The generator of an arm: of the whole space, or of a single network of it."""
    changed = dict(ABLATIONS.get(arm, {}))
    own = space()
    if arm in ALONE:
        own = subspace(own, of_width(int(arm.removeprefix("alone_"))))
    make = generators.hypernas if arm == "hypernas" else generators.shared
    start = ibp(own, data().example(num=2), seed=seed) if changed.pop("ibp", True) else None
    generator = make(own, seed=seed, start=start)
    sampler = Fixed(architectures=[dict(own.largest())]) if arm in ALONE else Sandwich()
    Training(steps=steps, batch_size=BATCH, log_every=1_000_000).run(
        generator,
        Task(data(), objective(radius, attack_steps=0, **changed)),
        Strategy(
            sampler=sampler,
            optimizer=partial(torch.optim.AdamW, lr=lr, weight_decay=0.0),
            schedule=Cosine(),
            seed=seed,
        ),
        device="cpu",
    )
    return generator


def measured(
    generator: Generator, arm: str, radius: float, *, split: str, attack_steps: int
) -> list[dict[str, Any]]:
    """Errors in % of the networks of one width throughout, norms calibrated on training images."""
    widths = [int(arm.removeprefix("alone_"))] if arm in ALONE else WIDTHS
    found = evaluate(
        generator,
        data(),
        {str(width): of_width(width) for width in widths},
        objective=objective(radius, attack_steps=attack_steps),
        split=split,
    )
    rows = []
    for one in found:
        errors = {
            "clean": 1 - one.calibrated["accuracy"],
            "pgd": one.calibrated.get("pgd_error", float("nan")),
            "certified": one.calibrated["certified_error"],
        }
        told = {name: round(100 * value, 3) for name, value in errors.items()}
        rows.append({"width": int(one.label), "parameters": one.num_parameters, **told})
    return rows


Job = tuple[str, float, int | None]  # arm, radius, seed; without a seed it is tuning


def work(job: Job, *, folder: Path, steps: int) -> list[dict[str, Any]]:
    """The rows of a job, which a file of its own keeps."""
    arm, radius, seed = job
    path = folder / f"{arm}-{radius}-{'tuning' if seed is None else seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    head = {"arm": arm, "radius": radius}
    rows = []
    if seed is None:
        for lr in LEARNING_RATES:
            generator = trained(arm, radius, lr=lr, seed=TUNING_SEED, steps=steps)
            found = measured(generator, arm, radius, split="validation", attack_steps=0)
            mean = sum(row["certified"] for row in found) / len(found)
            rows.append(head | {"lr": lr, "certified": round(mean, 3)})
    else:
        tuned = "shared" if arm in ABLATIONS else arm
        tuning = work((tuned, radius, None), folder=folder, steps=steps)
        lr = min(tuning, key=lambda row: row["certified"])["lr"]
        generator = trained(arm, radius, lr=lr, seed=seed, steps=steps)
        found = measured(generator, arm, radius, split="test", attack_steps=20)
        rows = [head | {"seed": seed, "lr": lr} | row for row in found]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(rows))
    return rows


def jobs() -> tuple[list[Job], list[Job]]:
    """What is tuned, and what is reported: ablations at the larger radius alone."""
    tunings: list[Job] = [(arm, radius, None) for radius in RADII for arm in ARMS]
    runs: list[Job] = [(arm, r, seed) for seed, r, arm in itertools.product(SEEDS, RADII, ARMS)]
    return tunings, [*runs, *((arm, RADII[1], seed) for seed in SEEDS for arm in ABLATIONS)]


def quick(arms: Sequence[str]) -> None:
    for arm in arms:
        generator = trained(arm, RADII[1], lr=0.01, seed=0, steps=3)
        print(arm, measured(generator, arm, RADII[1], split="validation", attack_steps=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three steps; writes nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        quick([*ARMS, *ABLATIONS])
        return
    for file, some in zip(("tuning", "results"), jobs(), strict=True):
        rows: list[dict[str, Any]] = []
        for job in some:
            rows += work(job, folder=HERE / "work", steps=STEPS)
            write_csv(HERE / f"{file}.csv", rows)
            print(file, *job, flush=True)


if __name__ == "__main__":
    main()
