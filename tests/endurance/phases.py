"""Phases of a command: what it is at when it opens, renames or flushes a file."""

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from commands import COMMANDS, Command, Evaluate, Export, Report

from hypernas.runs.search import EVALUATIONS, FRONT
from hypernas.training import checkpoint

_CHECKPOINT = re.compile(r"checkpoints/\.?(\d{8})")
_NAMES = {  # part of a path -> phase
    "checkpoints": "list of checkpoints",
    "metrics.jsonl": "logs",
    "events.out": "logs",
    EVALUATIONS: "rows of a search",
    FRONT: "front of a search",
    "out/": "tables of a study",
    "work/": "cells and caches of a study",
    "table.csv": "table of an evaluation",
    "net.": "export",
    "report": "page and figures",
    "settings.yaml": "settings",
    "overrides.json": "settings",
    ".lock": "settings",
    "phases.json": "settings",
}


def phases(paths: Iterable[str], *, begun: Iterable[int] = ()) -> list[str]:
    """The phase of each call, by its path.

    Args:
        begun: steps of the checkpoints that are there before the command.
    """
    read, first = set(begun), None
    found = []
    for path in paths:
        if saved := _CHECKPOINT.search(path):
            step = int(saved[1])
            if step in read:
                found.append("reading of a checkpoint")
                continue
            first = first or step
            found.append("first save" if step == first else "later save")
        else:
            found.append(next((name for part, name in _NAMES.items() if part in path), "folders"))
    return found


def _lose_checkpoint(folder: Path) -> None:
    shutil.rmtree(checkpoint.newest(folder / "checkpoints").folder)


def _lose_evaluations(folder: Path) -> None:
    rows = (folder / EVALUATIONS).read_bytes().splitlines(keepends=True)
    (folder / EVALUATIONS).write_bytes(b"".join(rows[: len(rows) // 2]))
    (folder / FRONT).unlink()


def _lose_tables(folder: Path) -> None:
    shutil.rmtree(folder / "out")


def _lose_nothing(folder: Path) -> None:
    shutil.rmtree(folder)


# What begins anew, and what goes on with a folder that lost the end of the work.
FAILED: dict[str, tuple[Command, Callable[[Path], None]]] = {
    **{
        name: (COMMANDS[name], _lose_nothing)
        for name in ("train hypernas", "typed train", "grow", "search", "study")
    },
    "resumed train": (COMMANDS["train hypernas"], _lose_checkpoint),
    "resumed typed train": (COMMANDS["typed train"], _lose_checkpoint),
    "resumed search": (COMMANDS["search"], _lose_evaluations),
    "resumed study": (COMMANDS["study"], _lose_tables),
    "evaluate": (Evaluate(), _lose_nothing),
    "export": (Export(), _lose_nothing),
    "report": (Report(), _lose_nothing),
}
