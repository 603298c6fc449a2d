"""Processes that read batches: who they are, and what each did last."""

import faulthandler
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_LAST = 2000  # characters of the last words
_CUT_OFF = (ConnectionError, EOFError)  # of a connection to a process
_TRIES, _WAIT = 40, 0.05  # seconds, for a process that ends
_PID = re.compile(r"[0-9]+")
_notes: "_Notes | None" = None  # of this process, if it is a worker


class WorkerLost(RuntimeError):
    """A process that reads data ended: its number, what it read, and its last words."""


class Workers:
    """The processes of a loader, each of which notes in a file of its own what it reads, and what it says.

    Python's own errors in a worker are told by the loader; this is for those that end without one, as after a
    crash in a library, or when the system kills it for its memory.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hypernas-workers-")
        self.begin = _Begin(self._folder.name)  # what a worker calls first

    def close(self) -> None:
        self._folder.cleanup()

    def _noted(self) -> Iterator[tuple[Path, str, str]]:
        """File, process and what it reads, of each."""
        for path in sorted(Path(self._folder.name).glob("*.batch")):
            pid, _, reading = path.read_text().partition("\n")
            yield path, pid, reading

    def _ended(self) -> set[str]:
        """The processes that have ended, or end soon."""
        noted = {pid for _, pid, _ in self._noted()}
        for _ in range(_TRIES):
            running = {str(child.pid) for child in multiprocessing.active_children()}
            if ended := noted - running:
                return ended
            time.sleep(_WAIT)
        return set()

    def lost(self, error: Exception) -> WorkerLost | None:
        """The error that says which of them ended, for that of the loader; None for any other.

        The loader may find one gone before it is told that it ended, while it takes a batch: then a connection ends.
        """
        text = str(error) or type(error).__name__
        if isinstance(error, _CUT_OFF):
            try:
                pids = self._ended()
            except (
                RuntimeError
            ) as said:  # torch's own, raised wherever this process is when one ends
                return self.lost(said)
        elif text.startswith("DataLoader worker (pid"):
            pids = set(_PID.findall(text.splitlines()[0]))
        else:
            return None
        told = []
        for path, pid, reading in self._noted():
            if pid in pids:
                words = path.with_suffix(".words").read_text(errors="replace")[-_LAST:].strip()
                said = f"its last words:\n{words}" if words else "it said nothing"
                told.append(f"data worker {path.stem} (pid {pid}) ended; {reading.strip()}; {said}")
        if not told:
            return None
        return WorkerLost(
            "\n".join(told)
            + f"\n({text.splitlines()[0].strip()}) Was it killed for its memory, lower training.num_workers or "
            f"training.batch_size; training.num_workers=0 reads in this process, where an error shows its place."
        )


class Crew:
    """The workers of all loaders that are open."""

    def __init__(self) -> None:
        self._open: list[Workers] = []

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Within, an error says which of the workers ended, and how.

        Torch raises its own wherever this process is, which need not be where batches are read.

        Raises:
            WorkerLost: in place of torch's error.
        """
        try:
            yield
        except (RuntimeError, *_CUT_OFF) as error:
            for workers in self._open:
                if told := workers.lost(error):
                    raise told from error
            raise

    @contextmanager
    def hired(self, num: int) -> Iterator[Callable[[int], None] | None]:
        """Within, a loader has some workers, each of which calls first what this yields; None without any."""
        if not num:
            yield None
            return
        workers = Workers()
        self._open.append(workers)
        try:
            with self.telling():
                yield workers.begin
        finally:
            self._open.remove(workers)
            workers.close()


class _Begin:
    """The first call in a new worker; picklable, as it may be sent to it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __call__(self, number: int) -> None:
        global _notes
        _notes = _Notes(Path(self._folder) / str(number))


class _Notes:
    """The files of a worker: what it reads, and what it says, which goes to its standard error as well."""

    def __init__(self, path: Path) -> None:
        self._reading = os.open(path.with_suffix(".batch"), os.O_RDWR | os.O_CREAT)
        self.read("it had read nothing")
        words = path.with_suffix(".words").open("w", buffering=1)
        sys.stderr = _Twice(sys.stderr, words)
        faulthandler.enable(words)  # of crashes in libraries

    def read(self, text: str) -> None:
        os.pwrite(self._reading, f"{os.getpid()}\n{text:<200.200}".encode(), 0)


class _Twice:
    """A text stream that writes to two."""

    def __init__(self, first: IO[str], second: IO[str]) -> None:
        self._first, self._second = first, second

    def write(self, text: str) -> int:
        self._second.write(text)
        return self._first.write(text)

    def flush(self) -> None:
        self._first.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)


def note(number: int, rows: Sequence[int]) -> None:
    """Note, in a worker, which batch it begins to read."""
    if _notes is not None:
        _notes.read(f"it was reading batch {number}, examples {', '.join(map(str, rows))}")
