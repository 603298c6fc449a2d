"""Memory of a long training over thousands of architectures: what it grows by.

Each generator trains in a process of its own, with checkpoints, validation and JSON lines. The slope is a line's
through resident memory over the last three quarters of the steps: before, bounded caches fill.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from process import forked
from training_runs import ADAMW, blobs

from hypernas import generators
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.spaces import mlp
from hypernas.training import Record, Strategy, Task, Training, train_steps
from hypernas.training.callbacks import Checkpoints, JsonLines, Validation

MOST = 1.0  # MB in 1,000 steps
_KINDS = {"hypernas": generators.hypernas, "shared": generators.shared}
_POINTS = 40


def trained(name: str, num: int, folder: Path) -> None:
    """Train, and write down after every so many steps how many architectures there were, and the memory."""
    space = mlp(
        input_shape=(2,),
        num_classes=3,
        depths=(1, 2, 3, 4),
        widths=(4, 6, 8, 10, 12, 14, 16, 18, 20),
    )
    run = Training(steps=num, batch_size=16, log_every=100).begin(
        _KINDS[name](space),
        Task(blobs(), CrossEntropy()),
        Strategy(sampler=Uniform(over="architectures"), optimizer=ADAMW),
        callbacks=[
            JsonLines(),
            Checkpoints(every=max(1, num // 8)),
            Validation(every=max(1, num // 8)),
        ],
        record=Record(folder),
        device="cpu",
    )
    seen: set[Any] = set()
    found = []
    for event in train_steps(run):
        seen.update(getattr(event, "architectures", ()))
        if run.step % max(1, num // _POINTS) == 0 and (not found or found[-1][0] != run.step):
            found.append([run.step, len(seen), _resident()])
    (folder / "memory.json").write_text(json.dumps(found))


def _resident() -> float:
    """MB of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def slope(points: np.ndarray) -> float:  # of shape: (N, 3), steps, architectures, MB
    """MB in 1,000 steps over the last three quarters of the steps."""
    late = points[len(points) // 4 :]
    return float(np.polyfit(late[:, 0] / 1000, late[:, 2], 1)[0])


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each generator, of `num` steps."""
    for name in _KINDS:
        place = folder / name
        place.mkdir(parents=True)
        torch.manual_seed(seed)
        log = place / "log"
        if os.waitpid(forked(lambda name=name, at=place: trained(name, num, at), log), 0)[1]:
            raise ChildProcessError(log.read_text())
        points = np.array(json.loads((place / "memory.json").read_text()))
        found, (_, seen, last) = slope(points), points[-1]
        yield {
            "trial": f"memory: {name}",
            "number": num,
            "silent": int(found > MOST),
            "ratio": round(found, 3),
            "wrong": f"MB in 1,000 steps; {int(seen):,} architectures, {points[0, 2]:.0f} MB, {last:.0f} in the end",
        }
