"""Time of a checkpoint with checksums and flushes, against one without either."""

import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from hypernas import generators
from hypernas.spaces import mlp
from hypernas.training import checkpoint

_ROUNDS = 5


def _plain(folder: Path, generator: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """A checkpoint as it was before format 4: a copy of everything, written and renamed."""
    draft = folder / ".draft"
    draft.mkdir(parents=True)
    tensors = {f"generator.{name}": t for name, t in generator.state_dict().items()}
    state = optimizer.state_dict()["state"]
    tensors |= {
        f"optimizer.{index}.{key}": value
        for index, kept in state.items()
        for key, value in kept.items()
    }
    save_file(
        {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()},
        draft / "state.safetensors",
    )
    (draft / "state.json").write_text(json.dumps({"step": 1}))
    draft.rename(folder / "00000001")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """One row: the median ratio of checkpoints of about `num` weights and the memory of Adam.

    The two take turns; what a round wrote is gone, and on the disk, before the next begins.
    """
    width = int((num / 2) ** 0.5)
    space = mlp(input_shape=(width,), num_classes=2, depths=(2,), widths=(width,))
    generator = generators.shared(space, seed=seed)
    optimizer = torch.optim.Adam(generator.parameters())
    for parameter in generator.parameters():
        optimizer.state[parameter] = {
            "step": torch.tensor(1.0),
            "exp_avg": torch.ones_like(parameter),
            "exp_avg_sq": torch.ones_like(parameter),
        }
    weights = sum(parameter.numel() for parameter in generator.parameters())
    times: dict[str, list[float]] = {"before": [], "now": []}
    for turn in range(_ROUNDS):
        plain, whole = folder / f"plain{turn}", folder / f"whole{turn}"
        times["before"].append(_seconds(lambda at=plain: _plain(at, generator, optimizer)))
        _settle(plain)
        times["now"].append(
            _seconds(
                lambda at=whole: checkpoint.save(
                    at, step=1, generator=generator, optimizer=optimizer
                )
            )
        )
        _settle(whole)
    before, now = (statistics.median(each) for each in times.values())
    ratios = [b / a for a, b in zip(*times.values(), strict=True)]
    told = f"{now:.2f} s, {before:.2f} s before; ratios {min(ratios):.2f} to {max(ratios):.2f}"
    yield {
        "trial": f"cost: {weights:,} weights",
        "number": _ROUNDS,
        "ratio": round(statistics.median(ratios), 2),
        "wrong": told,
    }


def _settle(folder: Path) -> None:
    """Drop what was written, and wait for the disk."""
    shutil.rmtree(folder)
    os.sync()
