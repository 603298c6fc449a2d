"""File systems that begin to refuse: an error of the system at one of a command's calls, once or from then on.

Failing are calls that open, make, rename, link, list, remove and flush what lies in the command's folder, for reading
or writing: each error in each phase of a command, at a random call of it. Or the disk fills while a file is written. The command may end with an error in words, or do without what failed; then the same command, on a file
system that is well again, must end as one that never failed.
"""

import errno
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import Command
from disk import Disk
from kills import begin
from phases import FAILED, phases
from process import Refused, forked

from hypernas.training import checkpoint

NUMBERS = (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EROFS)
_EVENTS = {
    *("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.listdir", "os.scandir"),
    *("os.truncate", "shutil.rmtree"),
}  # fmt: skip
FULL = 5  # times that a disk fills, for each command


def watched(folder: Path, act: Callable[[str], None]) -> None:
    """Let a function see every such call of this process, for good; what it raises, the call raises.

    Args:
        act: is given the path.
    """
    inside = f"{folder}{os.sep}"

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVENTS and isinstance(arguments[0], str | os.PathLike):
            path = os.fspath(arguments[0])
            if isinstance(path, str) and f"{path}{os.sep}".startswith(inside):
                act(path)

    flush = os.fsync

    def fsync(file: Any) -> None:
        handle = file if isinstance(file, int) else file.fileno()
        path = os.readlink(f"/proc/self/fd/{handle}")
        if f"{path}{os.sep}".startswith(inside):
            act(path)
        flush(file)

    os.fsync = fsync
    sys.addaudithook(see)


def failing(folder: Path, at: int, number: int, *, lasting: bool) -> None:
    """Let the call of this number, from 0, in a folder fail in this process, and if that lasts all that follow."""
    calls = 0

    def fail(path: str) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 == at or (lasting and calls > at):
            raise OSError(number, os.strerror(number), path)

    watched(folder, fail)


def calls(command: Command, folder: Path) -> tuple[list[str], int]:
    """The paths of such calls of a whole command, done in a process of its own, and the bytes that it writes."""
    kept = folder.with_name(f"{folder.name}.calls")

    def work() -> None:
        seen: list[str] = []
        disk = Disk(folder, float("inf"))
        watched(folder, seen.append)
        begin(command, folder)
        kept.write_text(
            json.dumps([[os.path.relpath(path, folder) for path in seen], disk.written])
        )

    log = folder.with_name(f"{folder.name}.log")
    if os.waitpid(forked(work, log), 0)[1]:
        raise ChildProcessError(log.read_text())
    return tuple(json.loads(kept.read_text()))


def outcome(command: Command, folder: Path, fault: Callable[[], object], number: int) -> str:
    """What came of a command that failed, and of the same again: done, told, or what was wrong.

    Args:
        fault: is called in the process that fails.
        number: of the error.
    """
    told = folder.with_name(f"{folder.name}.told")

    def work() -> None:
        fault()
        try:
            begin(command, folder)
        except Exception as error:
            told.write_text(_fault_of(error, number))
            os._exit(2)

    log = folder.with_name(f"{folder.name}.log")
    status = os.waitstatus_to_exitcode(os.waitpid(forked(work, log), 0)[1])
    if status not in (0, 2):
        return f"ended with {status}: {log.read_text()}"
    if status and (words := told.read_text()):
        return words
    if os.waitpid(forked(lambda: begin(command, folder), log), 0)[1]:
        return f"does not go on: {log.read_text()}"
    return "told" if status else "done"


def _fault_of(error: Exception, number: int) -> str:
    """What is wrong with the words of an error; empty if they tell the system's error or the file."""
    text = str(error)
    if isinstance(error, Refused):
        if error.status != 2 or "Traceback" in text or "HYPERNAS_TRACEBACK" in text:
            return f"raw: {text}"
    elif not isinstance(error, OSError | ValueError):
        return f"raw: {type(error).__name__} {text}"
    known = (os.strerror(number), "no space left", "could not be", "cannot be")
    return "" if any(words in text for words in known) else f"not told: {text}"


def trials(
    num: int,
    folder: Path,
    *,
    seed: int,
    commands: Mapping[str, tuple[Command, Callable[[Path], None]]] = FAILED,
) -> Iterator[dict[str, Any]]:
    """A row for each command, of faults that together are `num` or a little more, and of a disk that fills.

    Pairs of a phase and an error take turns, in an order that is drawn.
    """
    drawn, each = random.Random(seed), -(-num // len(commands))
    for name, (command, lose) in commands.items():
        place = (folder / name.replace(" ", "-")).resolve()
        place.mkdir(parents=True)
        command.prepare(place)
        whole, start = place / "whole", place / "start"
        calls(command, whole)
        expected = command.end(whole)
        shutil.copytree(whole, start)
        lose(start)

        def put(run: Path, start: Path = start) -> list[int]:
            if start.exists():
                shutil.copytree(start, run)
            return [kept.step for kept in checkpoint.saved(run / "checkpoints")]

        begun = put(place / "counted")
        paths, written = calls(command, place / "counted")
        at = phases(paths, begun=begun)
        pairs = [(phase, number) for phase in sorted(set(at)) for number in NUMBERS]
        drawn.shuffle(pairs)
        found: dict[str, str] = {}
        for trial in range(each):
            phase, number = pairs[trial % len(pairs)]
            run, lasting = place / f"failed{trial}", bool(drawn.randrange(2))
            put(run)
            call = drawn.choice([i for i, other in enumerate(at) if other == phase])

            def fail(run: Path = run, call: int = call, number: int = number) -> None:
                failing(run, call, number, lasting=lasting)  # noqa: B023, done in the loop

            told = outcome(command, run, fail, number)
            key = f"{phase}, {errno.errorcode[number]}, {'lasting' if lasting else 'once'}, {trial}"
            found[key] = _compared(told, command, run, expected)
        for trial in range(min(FULL, each)):
            run, free = place / f"full{trial}", drawn.randrange(max(1, written))
            put(run)
            told = outcome(command, run, lambda run=run, free=free: Disk(run, free), errno.ENOSPC)
            found[f"disk of {free} bytes, {trial}"] = _compared(told, command, run, expected)
        yield _row(name, found, len(set(pairs[:each])), len(pairs))


def _compared(told: str, command: Command, run: Path, expected: Mapping[str, bytes]) -> str:
    fine = told in ("told", "done")
    return "differs" if fine and command.end(run) != expected else told


def _row(name: str, found: Mapping[str, str], hit: int, num: int) -> dict[str, Any]:
    told = list(found.values())
    wrong = {key: words for key, words in found.items() if words not in ("told", "done")}
    return {
        "trial": f"faults: {name}, {hit} of {num} pairs of a phase and an error",
        "number": len(found),
        "refused": told.count("told"),
        "harmless": told.count("done"),
        "silent": told.count("differs"),
        "raw": len(wrong) - told.count("differs"),
        "wrong": "; ".join(f"{key}: {words}" for key, words in wrong.items()),
    }
