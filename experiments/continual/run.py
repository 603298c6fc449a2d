"""Which of the methods forget, what do they reach, and what do they keep of ten tasks, and of a hundred?

    python experiments/continual/run.py --work FOLDER    tune, train what FOLDER lacks, write the tables
    python experiments/continual/run.py --work FOLDER --only hundred   the hundred tasks alone
    python experiments/continual/run.py --quick          few steps, to see that it works; writes nothing
    hypernas report experiments/continual                make tables and figures of them

Each run is that of hypernas continual in a folder of its own: one that is stopped goes on after its last task.
"""

import argparse
import contextlib
import csv
import functools
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn
from torch.utils.data import TensorDataset

import hypernas
import hypernas.data
from hypernas import generators
from hypernas.continual import (
    Course,
    ExSSNeT,
    Matrix,
    Method,
    Permuted,
    TaskNetwork,
    Tasks,
    learn,
)
from hypernas.data import Data
from hypernas.evaluation import write_csv
from hypernas.masks import Packed
from hypernas.objectives import CrossEntropy
from hypernas.runs.config_files import configs
from hypernas.runs.continual import SCORES, TASKS, Stream
from hypernas.spaces import conv2d, mlp
from hypernas.subnet.subnet import Subnet

HERE = Path(__file__).parent


@functools.cache
def halved() -> Data:
    """Fashion-MNIST of 14 x 14 pixels, each the mean of four; read once for all runs."""
    full = hypernas.data.fashion_mnist(num_train=15_000, num_validation=1000, num_test=1000)
    splits = [
        TensorDataset(nn.functional.avg_pool2d(split.tensors[0], 2), split.tensors[1])
        for split in (full.train, full.validation, full.test)
    ]
    return Data("fashion_mnist", *splits, (1, 14, 14), full.num_classes)


DATA = [
    *("data=own", "data._target_=run.halved", "space.depths=[2]", "space.widths=[128]"),
    *("space.norm=layer", "course.steps=400", "device=cpu", "threads=1"),
]
STREAMS = {"permuted": ["tasks=permuted", "tasks.num=10"], "split": ["tasks=split"]}
DENSITIES = {"2": 0.02, "10": 0.1, "50": 0.5}
MASKS = ("exssnet", "ssnet", "supsup")
TASK_GENERATOR = [
    *("method=conditioned", "generator=hypernas", "generator.condition_dim=8"),
    *("generator.num_experts=10", "method.num_compared=2"),
]
OTHERS = {
    **{name: [f"method={name}"] for name in ("fine_tuning", "joint", "separate", "ewc")},
    "synaptic_intelligence": ["method=synaptic_intelligence"],
    "conditioned": TASK_GENERATOR,
}
OF_MASKS = {
    f"{name}_{label}": [f"method={name}", f"method.density={density}"]
    for name, (label, density) in itertools.product(MASKS, DENSITIES.items())
}
KKT = {"exssnet_2_kkt": ["method=exssnet", "method.density=0.02", "method.transfer=best"]}
ARMS = OF_MASKS | OTHERS | KKT
TRIED = {  # on validation, by a seed of its own
    "ewc": ("method.strength", (1.0, 10.0, 100.0)),
    "synaptic_intelligence": ("method.strength", (10.0, 100.0)),
    "conditioned": ("method.beta", (0.01, 0.1, 1.0)),
}
SEEDS, TUNING_SEED, TUNED = (0, 1, 2), 100, "tuning.csv"


def settings(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(configs()), version_base="1.3"):
        found: Any = OmegaConf.to_container(
            compose("continual", overrides=[*DATA, *overrides]), resolve=True
        )
    return {str(key): value for key, value in found.items() if key != "trust"}


def stream(folder: Path, *overrides: str) -> Stream:
    """A run, gone on with if it was begun; one that is finished is read."""
    began = time.perf_counter()
    done = hypernas.learn(settings(*overrides), folder, resume=(folder / "state").exists())
    print(
        f"{folder.name}: {done.matrix.figures()} ({time.perf_counter() - began:.0f} s)", flush=True
    )
    return done


def tuned(work: Path, quick: list[str]) -> list[dict[str, Any]]:
    """The final validation score of each value of what methods are tuned by, and which was taken."""
    rows = []
    for (name, (key, values)), (kind, tasks) in itertools.product(TRIED.items(), STREAMS.items()):
        scores = {}
        few = [] if kind == "split" else ["tasks.num=5"]
        for value in values:
            place = work / f"tuning_{kind}_{name}_{value:g}"
            more = [*tasks, *OTHERS[name], f"{key}={value}", f"seed={TUNING_SEED}"]
            done = stream(place, *more, "course.split=validation", f"arm={name}", *few, *quick)
            scores[value] = done.matrix.final()
        best = max(scores, key=lambda value: scores[value])
        rows += [
            {"stream": kind, "arm": name, "setting": key, "value": value, "validation_accuracy": round(score, 4), "taken": value == best}
            for value, score in scores.items()
        ]  # fmt: skip
    return rows


def grid(work: Path, arms: Mapping[str, list[str]], kind: str, quick: list[str]) -> None:
    """Arms on a stream, with all seeds; the tables are of all that is done so far."""
    with (HERE / TUNED).open() if not quick else contextlib.nullcontext([]) as file:
        taken = {
            row["arm"]: f"{row['setting']}={row['value']}"
            for row in csv.DictReader(file)
            if (row["stream"], row["taken"]) == (kind, "True")
        }
    for (name, own), seed in itertools.product(arms.items(), SEEDS):
        more = [taken[name]] if name in taken else []
        place = work / f"{kind}_{name}_{seed}"
        stream(place, *STREAMS[kind], *own, *more, f"seed={seed}", f"arm={name}", *quick)
    for table in () if quick else (SCORES, TASKS):
        rows = [
            row
            for place, arm, seed in itertools.product(STREAMS, ARMS, SEEDS)
            for row in _rows(work / f"{place}_{arm}_{seed}" / table)
        ]
        write_csv(HERE / table, rows)


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a run that is finished; none of another."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def outputs(method: Method, tasks: Tasks, task: int) -> torch.Tensor:
    """The outputs of a task that was learned on its first test examples."""
    with method.using(task) as generator, torch.no_grad():
        images = tasks.task(task).example("test", num=200)
        return generator.eval().call(generator.space.largest(), images)


def hundred(number: int = 100, steps: int = 80) -> list[dict[str, Any]]:
    """A hundred tasks: each one's outputs as it was learned against those after the last, and bytes."""
    tasks = Permuted(halved(), num=number)
    space = mlp(input_shape=(1, 14, 14), num_classes=10, depths=[2], widths=[128], norm="layer")
    method = ExSSNeT(generators.shared(space), num_tasks=number, density=0.025)
    optimizer = functools.partial(torch.optim.AdamW, lr=0.001, weight_decay=0.0, fused=True)
    matrix, then, seconds = Matrix(), [], []
    for found in learn(
        method, tasks, CrossEntropy(), course=Course(steps=steps), optimizer=optimizer
    ):
        matrix.add(found.task, found.scores["largest"])
        if found.task:
            then.append(outputs(method, tasks, found.task - 1))
            seconds.append(found.seconds)
            print(f"hundred: {found.task}, {found.scores['largest'][found.task]:.4f}", flush=True)
    stored = method.stored()
    network = 4 * sum(
        s.numel() for s in method.masked.subnet(space.largest()).target.shapes.values()
    )
    return [
        {
            "task": task + 1,
            "learned": round(matrix.scores[task + 1, task + 1], 4),
            "final": round(matrix.scores[number, task + 1], 4),
            "identical": torch.equal(then[task], outputs(method, tasks, task)),
            "network_bytes": network,
            "bank_bytes": stored.shared["bank"],
            "mask_code_bytes": stored.codes[task],
            "mask_bit_bytes": stored.bits[task],
            "other_bytes": sum(stored.tasks[task].values()) - stored.codes[task],
            "seconds": round(seconds[task], 3),
        }
        for task in range(number)
    ]


def memory(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All bytes of the tasks of `hundred.csv`, in networks of single precision."""
    network = int(rows[0]["network_bytes"])
    other = int(rows[0]["bank_bytes"]) + sum(int(row["other_bytes"]) for row in rows)
    coded, bits = (
        sum(int(row[name]) for row in rows) for name in ("mask_code_bytes", "mask_bit_bytes")
    )
    accuracy = {
        name: statistics.fmean(float(row[name]) for row in rows) for name in ("learned", "final")
    }
    return {
        "tasks": len(rows),
        "bit-identical at the end": sum(str(row["identical"]) == "True" for row in rows),
        "accuracy as learned": round(accuracy["learned"], 4),
        "accuracy at the end": round(accuracy["final"], 4),
        "kept, masks coded (networks)": round((other + coded) / network, 3),
        "kept, masks as bits (networks)": round((other + bits) / network, 3),
        "seconds a task": round(statistics.fmean(float(row["seconds"]) for row in rows), 2),
    }


def switching(rounds: int = 200) -> list[dict[str, Any]]:
    """CPU time of having another task's weights, over a forward pass of 128 images, and what is resident for it."""
    rows = []
    images = torch.randn(128, 1, 28, 28)
    for name, space in (
        (
            "mlp",
            mlp(input_shape=(1, 28, 28), num_classes=10, depths=[2], widths=[256], norm="layer"),
        ),
        ("conv2d", conv2d(input_shape=(1, 28, 28), num_classes=10, norm="layer")),
    ):
        method = ExSSNeT(generators.shared(space), num_tasks=2, density=0.025)
        for task in range(2):
            method.masked.supermask.draw(task)
            masks = method.masked.supermask.masks()
            method.packed.append({name: Packed.of(mask) for name, mask in masks.items()})
        method.masked.eval().requires_grad_(False)
        subnet = method.masked.subnet(space.largest())
        for form, (resident, switch) in _forms(method, subnet).items():
            ratios, took = [], []
            for number in range(rounds):
                began = time.process_time()
                compute = switch(number % 2)
                middle = time.process_time()
                compute(images)
                ratios.append((middle - began) / (time.process_time() - middle))
                took.append(1000 * (middle - began))
            rows.append(
                {
                    "network": name,
                    "masks": form,
                    "weights": sum(shape.numel() for shape in subnet.target.shapes.values()),
                    "resident_bytes_a_task": resident,
                    "switch_ms": round(statistics.median(took), 3),
                    "switch_over_forward": round(statistics.median(ratios), 3),
                }
            )
    return rows


Switch = Callable[[int], Callable[[torch.Tensor], Any]]  # task -> what computes with its weights


def _forms(method: ExSSNeT, subnet: Subnet) -> dict[str, tuple[int, Switch]]:
    """Ways to keep what tells tasks apart: the bytes of each task, and how its weights are had."""
    masks, network = [method.masks(task) for task in range(2)], TaskNetwork(method, [0, 1])

    def from_bits(task: int) -> Callable[[torch.Tensor], Any]:
        with method.using(task) as generator:  # which keeps the masks of the task before
            return partial(method.masked.call, subnet, weights=generator(subnet))

    def from_masks(task: int) -> Callable[[torch.Tensor], Any]:
        with method.masked.using(masks[task]):
            return partial(method.masked.call, subnet, weights=method.masked(subnet))

    def from_places(task: int) -> Callable[[torch.Tensor], Any]:
        network.use(task)
        return network.module

    return {
        "bits": (sum(len(packed.bits) for packed in method.packed[0].values()), from_bits),
        "truth values": (sum(mask.numel() for mask in masks[0].values()), from_masks),
        "entries": (network.num_bytes[0], from_places),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("runs/continual_study"))
    parser.add_argument("--only", choices=["tuning", "grid", "hundred", "switching"])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        with tempfile.TemporaryDirectory() as work:
            few = ["course.steps=2"]
            tuned(Path(work), few)
            grid(Path(work), ARMS, "split", few)
            print(hundred(2, 2)[-1])
        return
    if options.only in (None, "switching"):
        write_csv(HERE / "switching.csv", switching())
    if options.only in (None, "tuning"):
        write_csv(HERE / TUNED, tuned(options.work, []))
    if options.only in (None, "grid"):
        grid(options.work, OF_MASKS, "permuted", [])
    if options.only in (None, "hundred"):
        rows = hundred()
        write_csv(HERE / "hundred.csv", rows)
        write_csv(HERE / "memory.csv", [memory(rows)])
    if options.only in (None, "grid"):
        grid(options.work, ARMS, "permuted", [])
        grid(options.work, ARMS, "split", [])


if __name__ == "__main__":
    main()
