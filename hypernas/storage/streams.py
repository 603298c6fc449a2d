"""Standard streams that never stop the work: their reader may go away, and they may be closed from the start.

Nobody loses a run by `hypernas train ... | head -1`: what nobody reads any more is dropped, and the work goes on.
"""

import errno
import io
import os
import sys
import threading
from typing import Any, TextIO


def keep_standard_streams() -> None:
    """Let the standard streams of this process drop what nobody reads.

    A stream that is closed becomes one of nothing, so that no file that is opened later takes its number, and with it
    the words of libraries. The standard output still raises what keeps a result from a reader that is there, such as a
    full disk; the standard error, which shows only how far the work is, drops that too. Nor does it show errors of the
    threads that write event files, which the next call to them raises again.
    """
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _tell_thread
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in order of numbers
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, for as long as the process lives
        elif mode == "w" and stream is getattr(sys, f"__{name}__"):  # not one that a test put there
            setattr(sys, name, _kept(stream, drops_all=name == "stderr"))


def _tell_thread(error: threading.ExceptHookArgs) -> None:
    if not type(error.thread).__module__.startswith("tensorboard."):
        threading.__excepthook__(error)


def _kept(stream: TextIO, *, drops_all: bool) -> TextIO:
    """A stream to the same file, of the same encoding and buffering."""
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Kept(stream.fileno(), drops_all=drops_all)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=drops_all or stream.isatty(),
    )


class _Kept(io.RawIOBase):
    """Bytes to an open file, which leads to nothing once its reader is gone."""

    def __init__(self, handle: int, *, drops_all: bool) -> None:
        super().__init__()
        self._handle, self._drops_all = handle, drops_all
        self._terminal = os.isatty(handle)

    def fileno(self) -> int:
        return self._handle

    def isatty(self) -> bool:
        return os.isatty(self._handle)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return os.write(self._handle, data)
        except OSError as error:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._handle)  # for the libraries and the processes of this one too
            os.close(nothing)
            gone = error.errno == errno.EPIPE or (self._terminal and error.errno == errno.EIO)
            if not gone and not self._drops_all:
                raise  # once: what is left in the buffer has nowhere to go either
        return len(data)
