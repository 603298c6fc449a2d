"""The same training with other numbers of threads: how far weights and losses drift apart.

Sums are taken in another order, so figures differ by rounding, which training enlarges. What it comes to stands
beside a yardstick: the same training with its examples in another order.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from process import forked
from training_runs import ADAMW

from hypernas import generators
from hypernas.data import digits
from hypernas.events import Stepped
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.spaces import conv2d, mlp, vit
from hypernas.training import Strategy, Task, Training, TrainingRun

_SPACES = {"mlp": mlp, "conv2d": conv2d, "vit": vit}
_STEPS = (1, 10, 100, 1000)  # after which one looks


class Arm(NamedTuple):
    """A training: its threads, and the seed of its examples' order."""

    threads: int
    seed: int = 0


_ARMS = {
    "1 thread again": Arm(1),
    "2 threads": Arm(2),
    "4 threads": Arm(4),
    "1 thread, another order of examples": Arm(1, seed=1),
}


def trained(space: str, arm: Arm, steps: int, out: Path) -> None:
    """Write a row for each step that one looks at, and for the last: the step, its mean loss, and all parameters."""
    torch.set_num_threads(arm.threads)
    torch.manual_seed(0)
    data = digits()
    made = _SPACES[space](input_shape=data.input_shape, num_classes=data.num_classes)
    generator = generators.hypernas(made, seed=0)
    rows = []

    def look(run: TrainingRun, event: Any) -> None:
        if isinstance(event, Stepped) and (event.step in _STEPS or event.last):
            parameters = torch.cat([p.detach().flatten() for p in generator.parameters()])
            head = torch.stack([torch.tensor(float(event.step)), event.losses.mean().cpu()])
            rows.append(torch.cat([head, parameters]).double().numpy())

    Training(steps=steps, batch_size=64).run(
        generator,
        Task(data, CrossEntropy()),
        Strategy(sampler=Sandwich(num_random=1), optimizer=ADAMW, seed=arm.seed),
        callbacks=[look],
        device="cpu",
    )
    np.save(out, np.stack(rows))


def apart(rows: np.ndarray, others: np.ndarray) -> list[tuple[int, float, float]]:
    """Step, distance of weights in lengths of the first ones, and difference of losses in the first ones."""
    found = []
    for row, other in zip(rows, others, strict=True):
        weights = np.linalg.norm(row[2:] - other[2:]) / np.linalg.norm(row[2:])
        found.append((int(row[0]), float(weights), abs(row[1] - other[1]) / abs(row[1])))
    return found


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each space and arm, of `num` steps; `silent` if the same threads gave other bits."""
    folder.mkdir(parents=True)
    for space in _SPACES:
        done = {}
        for i, (name, arm) in enumerate({"1 thread": Arm(1), **_ARMS}.items()):
            out, log = folder / f"{space}{i}.npy", folder / f"{space}{i}.log"
            own = Arm(arm.threads, seed + arm.seed)
            work = lambda own=own, out=out: trained(space, own, num, out)  # noqa: B023, E731, done in the loop
            if os.waitpid(forked(work, log), 0)[1]:
                raise ChildProcessError(log.read_text())
            done[name] = np.load(out)
        first = done.pop("1 thread")
        for name, rows in done.items():
            found = apart(first, rows)
            same = not any(weights or losses for _, weights, losses in found)
            yield {
                "trial": f"threads: {space}, {name}",
                "number": num,
                "silent": int("again" in name and not same),
                "ratio": f"{found[-1][1]:.2g}",
                "wrong": "weights and losses apart after steps: "
                + ", ".join(f"{step} {w:.1e} {loss:.1e}" for step, w, loss in found),
            }
