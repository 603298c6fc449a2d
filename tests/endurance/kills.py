"""Processes that are killed at random moments, and started again by the same command until they end.

A killed process was forked from this one, which has imported all it needs, so a trial is short and its
moments fall on saves, validation and start-up as often as these last.
"""

import math
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import COMMANDS, Command
from process import Refused, forked, killed


def begin(command: Command, folder: Path) -> None:
    """What a user does: the same command, and if that says so, going on, or writing over what it left."""
    try:
        command.begin(folder, resume=False)
    except (FileExistsError, Refused) as error:
        if "resume=" not in str(error) and "overwrite" not in str(error):
            raise
        command.begin(folder, resume=True)


def _forked(command: Command, folder: Path) -> int:
    return forked(lambda: begin(command, folder), _log(folder))


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def trials(
    num: int, folder: Path, *, seed: int, commands: Mapping[str, Command] = COMMANDS
) -> Iterator[dict[str, Any]]:
    """A row for each command, of kills that together are `num` or a little more."""
    each = -(-num // len(commands))
    drawn = random.Random(seed)
    for name, command in commands.items():
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        command.prepare(place)
        whole = place / "whole"
        started = time.monotonic()
        if os.waitpid(_forked(command, whole), 0)[1]:
            raise ChildProcessError(_log(whole).read_text())
        lasts, expected = time.monotonic() - started, command.end(whole)
        kills = ends = stuck = other = 0
        words = ""
        while kills < each:
            run, status = place / f"killed{ends}", None
            while status is None:
                # The last start is left alone: on a busy machine none may be as fast as the first was.
                after = drawn.uniform(0, 1.05 * lasts) if kills < each else math.inf
                status = killed(_forked(command, run), after)
                kills += status is None
            ends += 1
            if status:
                stuck += 1
                words = words or _log(run).read_text()
            else:
                found = command.end(run)
                unlike = [
                    name for name in expected | found if found.get(name) != expected.get(name)
                ]
                other += bool(unlike)
                words = words or ", ".join(unlike)
        yield {
            "trial": f"kills: {name}",
            "number": kills,
            "ended": ends,
            "silent": other,
            "raw": stuck,
            "wrong": words,
        }
