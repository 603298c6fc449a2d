"""Processes forked from this one, which has imported all they need, so that they are at work at once."""

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from hypernas.cli import main


class Refused(RuntimeError):
    """A command that ended with another status than 0; its text is what it wrote to standard error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def typed(*arguments: str) -> str:
    """Do what `hypernas` does with these arguments, in this process; what it printed.

    Raises:
        Refused: if it ends with another status than 0.
    """
    sys.argv = ["hypernas", *arguments]
    out, error = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            main.main()
    except SystemExit as end:
        if end.code:
            raise Refused(int(end.code), error.getvalue()) from None
    return out.getvalue()


def forked(work: Callable[[], object], log: Path, **variables: str) -> int:
    """The id of a process that does some work, and ends with 0; with 1 if that raises, which the log tells.

    Args:
        variables: of its environment.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.environ |= variables
        torch.set_num_threads(1)
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            try:
                work()
                status = 0
            except BaseException as error:
                file.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(status)


def ended(pid: int, within: float) -> int | None:
    """The exit status of a process, its number below 0 if a signal ended it; None if it still runs."""
    end = time.monotonic() + within
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            return None
        time.sleep(0.002)


def killed(pid: int, after: float) -> int | None:
    """The exit status of a process that had some seconds; None if it was killed."""
    status = ended(pid, after)
    if status is None:
        os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return None if status == -signal.SIGKILL else status
