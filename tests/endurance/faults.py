"""File systems that begin to refuse: an error of the system at a random one of a command's calls, once or from then on.

Failing are calls that open, make, rename, link, list, remove and flush what lies in the command's folder, for reading
or writing. The command may end with an error in words, or do without what failed; then the same command, on a file
system that is well again, must end as one that never failed.
"""

import errno
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import COMMANDS, Command, Evaluate, Report
from kills import begin
from process import Refused, forked

NUMBERS = (errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EROFS)
_EVENTS = {
    *("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.listdir", "os.scandir"),
    *("os.truncate", "shutil.rmtree"),
}  # fmt: skip
_NAMES = ("train hypernas", "typed train", "grow", "search", "study")
FAILED: dict[str, Command] = {
    **{name: COMMANDS[name] for name in _NAMES},
    "evaluate": Evaluate(),
    "report": Report(),
}


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


def calls(command: Command, folder: Path) -> int:
    """The number of such calls of a whole command, which is done in a process of its own."""
    kept = folder.with_name(f"{folder.name}.calls")

    def work() -> None:
        seen: list[str] = []
        watched(folder, seen.append)
        begin(command, folder)
        kept.write_text(str(len(seen)))

    log = folder.with_name(f"{folder.name}.log")
    if os.waitpid(forked(work, log), 0)[1]:
        raise ChildProcessError(log.read_text())
    return int(kept.read_text())


def outcome(command: Command, folder: Path, fault: Callable[[], None], number: int) -> str:
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
    num: int, folder: Path, *, seed: int, commands: Mapping[str, Command] = FAILED
) -> Iterator[dict[str, Any]]:
    """A row for each command, of faults that together are `num` or a little more."""
    drawn = random.Random(seed)
    for name, command in commands.items():
        place = (folder / name.replace(" ", "-")).resolve()
        place.mkdir(parents=True)
        command.prepare(place)
        many = calls(command, place / "whole")
        expected = command.end(place / "whole")
        found: list[str] = []
        each = -(-num // len(commands))
        for trial in range(each):
            run, number = place / f"failed{trial}", NUMBERS[trial % len(NUMBERS)]
            at, lasting = drawn.randrange(many), bool(drawn.randrange(2))
            told = outcome(
                command,
                run,
                lambda run=run, at=at, number=number, lasting=lasting: failing(
                    run, at, number, lasting=lasting
                ),
                number,
            )
            if told in ("told", "done") and command.end(run) != expected:
                told = "differs"
            found.append(told)
        wrong = [told for told in found if told not in ("told", "done")]
        yield {
            "trial": f"faults: {name}, {many} calls",
            "number": each,
            "refused": found.count("told"),
            "harmless": found.count("done"),
            "silent": found.count("differs"),
            "raw": len(wrong) - found.count("differs"),
            "wrong": "; ".join(dict.fromkeys(wrong)),
        }
