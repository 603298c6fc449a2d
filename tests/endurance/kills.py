"""Processes that are killed at random moments, and started again by the same command until they end.

A killed process was forked from this one, which has imported all it needs, so a trial is short and its
moments fall on saves, validation and start-up as often as these last.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

import hypernas
from hypernas.training import checkpoint

_BASE: dict[str, Any] = {
    "data": {"_target_": "hypernas.data.digits"},
    "space": {
        "_target_": "hypernas.spaces.mlp",
        "_partial_": True,
        "depths": [1, 2],
        "widths": [8, 16],
    },
    "sampling": {"_target_": "hypernas.sampling.Uniform"},
    "objective": {"_target_": "hypernas.objectives.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.01},
    "schedule": {"_target_": "hypernas.schedules.Cosine"},
    "training": {"_target_": "hypernas.training.Training", "steps": 12, "batch_size": 32},
    "callbacks": {
        "validation": {
            "_target_": "hypernas.training.callbacks.Validation",
            "num_subnets": 1,
            "every": 6,
        },
        "checkpoints": {"_target_": "hypernas.training.callbacks.Checkpoints", "every": 2},
        "lines": {"_target_": "hypernas.training.callbacks.JsonLines"},
    },
    "seed": 3,
    "device": "cpu",
    "threads": 1,
}
GENERATORS = ("shared", "hypernas", "mos_layer", "mos_neuron", "acdc", "Standalone")


def _training(name: str) -> dict[str, Any]:
    target = f"hypernas.generators.{name}"
    return {**_BASE, "generator": {"_target_": target, "_partial_": True, "seed": 3}}


def _growth() -> dict[str, Any]:
    own = {key: _BASE[key] for key in ("training", "optimizer", "schedule")}
    return {
        **{key: value for key, value in _BASE.items() if key != "sampling"},
        **own,
        **{f"member_{key}": value for key, value in own.items()},
        "growth": {"_target_": "hypernas.growth.Recombine"},
        "members": ["smallest", "smallest"],
        "to": "largest",
        "keep_memory": True,
        "calibration_batches": 2,
    }


COMMANDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    **{f"train {name}": (hypernas.train, _training(name)) for name in GENERATORS},
    "grow": (hypernas.grow, _growth()),
}


def _begin(command: Callable[..., Any], settings: Mapping[str, Any], folder: Path) -> None:
    """What a user does: the same command, and if that says so, going on."""
    try:
        command(settings, folder)
    except FileExistsError as error:
        if "resume=" not in str(error):
            raise
        command(settings, folder, resume=True)


def _forked(command: Callable[..., Any], settings: Mapping[str, Any], folder: Path) -> int:
    """The id of a process that does it, and ends with 0; with 1 if it was refused."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        torch.set_num_threads(1)
        with (folder.parent / f"{folder.name}.log").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            try:
                _begin(command, settings, folder)
                status = 0
            except Exception as error:
                log.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(status)


def _killed(pid: int, after: float) -> int | None:
    """The exit status of a process that had some seconds; None if it was killed."""
    end = time.monotonic() + after
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return None if status == -signal.SIGKILL else status


def _end(folder: Path) -> dict[str, Any]:
    """All weights and optimizers of the last checkpoints of a folder."""
    found = {}
    for place in sorted(folder.rglob("checkpoints")):
        newest = checkpoint.newest(place).folder
        for file in ("state.safetensors", "state.json"):
            found[f"{place.parent.relative_to(folder)}/{newest.name}/{file}"] = (
                newest / file
            ).read_bytes()
    return found


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each command, of kills that together are `num` or a little more."""
    each = -(-num // len(COMMANDS))
    drawn = random.Random(seed)
    for name, (command, settings) in COMMANDS.items():
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        started = time.monotonic()
        if os.waitpid(_forked(command, settings, place / "whole"), 0)[1]:
            raise ChildProcessError((place / "whole.log").read_text())
        lasts, expected = time.monotonic() - started, _end(place / "whole")
        kills = ends = stuck = other = 0
        while kills < each:
            run = place / f"killed{ends}"
            while (
                status := _killed(
                    _forked(command, settings, run), after=drawn.uniform(0, 1.05 * lasts)
                )
            ) is None:
                kills += 1
            ends += 1
            stuck += status != 0
            other += status == 0 and _end(run) != expected
        yield {
            "trial": f"kills: {name}",
            "number": kills,
            "ended": ends,
            "silent": other,
            "raw": stuck,
            "wrong": f"see {place}" if stuck or other else "",
        }
