"""Does one generator that reads the view do as well as five networks, one for each view?

    python experiments/ensem1d/run.py           train what is missing; results.csv, tuning.csv, baselines.csv
    python experiments/ensem1d/run.py --quick   a few steps of everything; writes nothing

The series come with the packages aeon and seglearn (HYPERNAS_AEON, HYPERNAS_SEGLEARN: their wheels). What is done is kept in
experiments/ensem1d/work; the same command goes on where it was stopped.
"""

import argparse
import itertools
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypernas import SearchSpace, generators
from hypernas.data import Data, basic_motions, japanese_vowels, watch
from hypernas.evaluation import write_csv
from hypernas.generators import Generator
from hypernas.growth import subspace
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Fixed
from hypernas.spaces import ensem1d
from hypernas.spaces.ensem1d import VIEWS, joined
from hypernas.storage.files import write_whole
from hypernas.training import Strategy, Task, Training

HERE = Path(__file__).parent
DATA: dict[str, Callable[[], Data]] = {
    "basic_motions": basic_motions,
    "japanese_vowels": japanese_vowels,
    "watch": watch,
}
WIDTH, DEPTH, KERNEL = 16, 2, 5
LEARNING_RATES = (0.003, 0.01)
SEEDS = (0, 1, 2)
TUNING_SEED = 1000
STEPS = 60  # of each view
GENERATORS = {
    "shared": generators.shared,
    "hypernas": partial(generators.hypernas, num_experts=1, hidden_dims=(16,)),
}
ARMS = ("hypernas", "separate_as_hypernas", "shared", "separate_as_shared", "separate")


def space_of(data: Data, width: int) -> SearchSpace:
    return ensem1d(
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        widths=[width],
        depths=[DEPTH],
        kernels=[KERNEL],
    )


def views_of(space: SearchSpace) -> list[dict[str, Any]]:
    return [dict(space.largest_with("view", view)) for view in VIEWS]


def networks(data: Data, arm: str, *, seed: int) -> list[tuple[Generator, list[dict[str, Any]]]]:
    """Generators, each with the architectures that it is trained for."""
    if arm in GENERATORS:
        space = space_of(data, WIDTH)
        return [(GENERATORS[arm](space, seed=seed), views_of(space))]
    space = space_of(data, WIDTH if arm == "separate" else width_of(data, arm))
    return [
        (generators.shared(subspace(space, view), seed=10 * seed + i), [view])
        for i, view in enumerate(views_of(space))
    ]


def width_of(data: Data, arm: str) -> int:
    """The width at which five networks store no more than a generator, or the least that is wider than 1."""
    generator = GENERATORS[arm.removeprefix("separate_as_")](space_of(data, WIDTH))
    allowed = generator.describe().num_stored
    fits = [w for w in range(2, WIDTH + 1) if five(data, w) <= allowed]
    return max(fits, default=2)


def five(data: Data, width: int) -> int:
    """Parameters of five networks."""
    space = space_of(data, width)
    return sum(p.numel() for view in views_of(space) for p in space.build(view).parameters())


def trained(
    data: Data, arm: str, *, lr: float, seed: int, steps: int, split: str
) -> tuple[list[Tensor], int]:
    """Logits of the five views on a split, and the parameters that are stored."""
    scores: dict[str, Tensor] = {}
    stored = 0
    for generator, views in networks(data, arm, seed=seed):
        stored += generator.describe().num_stored
        Training(steps=steps, batch_size=32).run(
            generator,
            Task(data, CrossEntropy()),
            Strategy(
                sampler=Fixed(architectures=views),
                optimizer=partial(torch.optim.AdamW, lr=lr, weight_decay=0.01),
                seed=seed,
            ),
            device="cpu",
        )
        generator.eval()
        for view in views:
            statistics = generator.calibrate(view, [data.train.tensors[0]])
            network = generator.export(view, statistics=statistics)
            with torch.no_grad():
                scores[view["view"]] = network(getattr(data, split).tensors[0])
    return [scores[view] for view in VIEWS], stored


def accuracy(scores: Tensor, data: Data, split: str) -> float:
    hits = scores.argmax(-1) == getattr(data, split).tensors[1]
    return round(100 * float(hits.float().mean()), 4)


def loss(scores: Tensor, data: Data, split: str) -> float:
    return round(float(CrossEntropy().loss(scores, getattr(data, split).tensors[1], None)), 5)


Job = tuple[str, str, int | None]  # data, arm, seed; without a seed it is tuning


def work(job: Job, *, folder: Path, steps: int) -> list[dict[str, Any]]:
    """The rows of a job, which a file of its own keeps."""
    name, arm, seed = job
    path = folder / f"{name}-{arm}-{'tuning' if seed is None else seed}.json"
    if path.exists():
        return json.loads(path.read_text())
    data, head = DATA[name](), {"data": name, "arm": arm}
    rows = []
    if seed is None:
        for lr in LEARNING_RATES:
            found, _ = trained(data, arm, lr=lr, seed=TUNING_SEED, steps=steps, split="validation")
            rows.append(head | {"lr": lr, "loss": loss(joined(found), data, "validation")})
    else:
        tuning = work((name, arm, None), folder=folder, steps=steps)
        lr = min(tuning, key=lambda row: row["loss"])["lr"]
        found, stored = trained(data, arm, lr=lr, seed=seed, steps=steps, split="test")
        tail = {"seed": seed, "lr": lr, "stored": stored}
        every = [*zip(VIEWS, found, strict=True), ("fused", joined(found))]
        rows = [
            head | tail | {"view": view, "accuracy": accuracy(score, data, "test")}
            for view, score in every
        ]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(rows))
    return rows


def baselines(name: str) -> list[dict[str, Any]]:
    """Classifiers of scikit-learn on the same split, tuned on the same validation series."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = DATA[name]()
    made = {
        "ridge": (summaries, lambda c: RidgeClassifier(alpha=10.0**c), range(-2, 4)),
        "neighbours": (flat, lambda k: KNeighborsClassifier(k), (1, 3, 5)),
    }
    rows = []
    for arm, (read, make, settings) in made.items():
        x, y = zip(
            *(
                (read(s.tensors[0]), s.tensors[1].numpy())
                for s in (data.train, data.validation, data.test)
            ),
            strict=True,
        )
        tried = [
            make_pipeline(StandardScaler(), make(setting)).fit(x[0], y[0]) for setting in settings
        ]
        best = max(tried, key=lambda model: model.score(x[1], y[1]))
        rows.append({"data": name, "arm": arm, "accuracy": round(100 * best.score(x[2], y[2]), 4)})
    return rows


def summaries(inputs: Tensor) -> np.ndarray:
    """Mean, deviation and quantiles of every feature and of its differences, and of the length."""
    rows = []
    for series in inputs:
        x = series[:-1, series[-1] > 0]
        level = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
        both = [t for t in (x, x.diff(dim=1)) if t.shape[1]]
        found = [torch.cat([t.mean(1), t.std(1), t.quantile(level, dim=1).flatten()]) for t in both]
        rows.append(torch.cat([*found, torch.tensor([float(x.shape[1])])]))
    return torch.stack(rows).numpy()


def flat(inputs: Tensor) -> np.ndarray:
    return inputs.flatten(1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description="One generator, or five networks, for five views.")
    parser.add_argument(
        "--quick", action="store_true", help="two steps of one seed; writes nothing"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        data = basic_motions()
        for arm in ARMS:
            found, stored = trained(data, arm, lr=0.01, seed=0, steps=2, split="test")
            print(arm, stored, accuracy(joined(found), data, "test"))
        print(baselines("basic_motions"))
        return
    write_csv(HERE / "baselines.csv", [row for name in DATA for row in baselines(name)])
    do = partial(work, folder=HERE / "work", steps=STEPS)
    for file, seeds in (("tuning", (None,)), ("results", SEEDS)):
        rows: list[dict[str, Any]] = []
        for seed, name, arm in itertools.product(seeds, DATA, ARMS):
            rows += do((name, arm, seed))
            write_csv(HERE / f"{file}.csv", rows)
            print(file, name, arm, seed, flush=True)


if __name__ == "__main__":
    main()
