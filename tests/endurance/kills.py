"""Processes that are killed at random moments, and started again by the same command until they end.

A killed process was forked from this one, which has imported all it needs, so a trial is short and its
moments fall on saves, validation and start-up as often as these last.
"""

import math
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from commands import COMMANDS, Command


def _begin(command: Command, folder: Path) -> None:
    """What a user does: the same command, and if that says so, going on."""
    try:
        command.begin(folder, resume=False)
    except FileExistsError as error:
        if "resume=" not in str(error):
            raise
        command.begin(folder, resume=True)


def _forked(command: Command, folder: Path) -> int:
    """The id of a process that does it, and ends with 0; with 1 if it was refused."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        torch.set_num_threads(1)
        with _log(folder).open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            try:
                _begin(command, folder)
                status = 0
            except Exception as error:
                log.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(status)


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _killed(pid: int, after: float) -> int | None:
    """The exit status of a process that had some seconds; None if it was killed."""
    end = time.monotonic() + after
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return None if status == -signal.SIGKILL else status


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
                status = _killed(_forked(command, run), after)
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
