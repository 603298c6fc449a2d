"""Jobs that are done once: in parallel processes, and kept on disk by what they are."""

import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import hypernas
from hypernas.runs.console import say
from hypernas.storage.seal import read_sealed, write_sealed

Spec = dict[str, Any]  # JSON


class Jobs:
    """Runs `work(spec)` for JSON specs, in order, unless it was done; results are JSON too.

    A result is a file of `folder`, named by the spec's digest and this library's version, written
    whole or not at all, so a killed study loses only what was under way. A damaged file is computed
    again. What a spec does not say is not seen: after a change of code, give another folder.

    Args:
        work: a function of a module, as other processes have to import it.
        workers: processes, of one CPU thread each.

    Raises:
        ValueError: for less than one worker.
    """

    def __init__(
        self, work: Callable[[Spec], Any], folder: Path, *, workers: int, console: Console
    ) -> None:
        if not isinstance(workers, int) or workers < 1:
            raise ValueError(f"workers must be 1 or more, got {workers}.")
        self.work, self.folder, self.workers, self.console = work, folder, workers, console
        self._context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
        self._open, self._end = self._context.Pipe(
            duplex=False
        )  # workers end when `_end` is closed
        self._pools: list[ProcessPoolExecutor] = []
        self._pool = self._processes(workers)

    def _processes(self, workers: int, tasks: int | None = None) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(
            workers,
            self._context,
            initializer=_initialise,
            initargs=(list(sys.path), self._open),
            max_tasks_per_child=tasks,
        )
        self._pools.append(pool)
        return pool

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the processes; when something went wrong, also those that still compute."""
        if kind is not None:
            self._end.close()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)
        self._end.close()
        self._open.close()

    def run(
        self,
        stage: str,
        specs: Sequence[Spec],
        *,
        alone: bool = False,
        each: Callable[[Spec, Any], None] | None = None,
    ) -> list[Any]:
        """The results in the order of the specs.

        A job that fails ends the stage, after those under way, whose results are kept.

        Args:
            stage: its name, to be shown.
            alone: one at a time, each in a process of its own, for what is timed or weighed.
            each: called with every spec that is computed now and its result, as soon as it is there.

        Raises:
            ChildProcessError: if a process was killed.
            Exception: what `work` raised first.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [self.folder / f"{digest(spec)}.json" for spec in specs]
        known = {path: found for path in paths if (found := _read(path)) is not None}
        missing = {path: spec for path, spec in zip(paths, specs, strict=True) if path not in known}
        if missing and alone:
            known |= self._compute(stage, missing, len(specs), self._processes(1, tasks=1), 1, each)
        elif missing:
            known |= self._compute(stage, missing, len(specs), self._pool, self.workers, each)
        return [known[path]["result"] for path in paths]

    def _compute(
        self,
        stage: str,
        missing: dict[Path, Spec],
        total: int,
        pool: ProcessPoolExecutor,
        workers: int,
        each: Callable[[Spec, Any], None] | None,
    ) -> dict[Path, dict[str, Any]]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        bar = Progress(
            *columns, TimeElapsedColumn(), console=self.console, disable=not sys.stderr.isatty()
        )
        found: dict[Path, dict[str, Any]] = {}
        failures: list[tuple[str, BaseException]] = []
        with bar:
            task = bar.add_task(stage, total=total, completed=total - len(missing))
            waiting = list(missing.items())
            running: dict[Future[Any], tuple[Path, Spec, float]] = {}
            while running or (waiting and not failures):
                while waiting and not failures and len(running) < workers:
                    path, spec = waiting.pop(0)
                    running[pool.submit(self.work, spec)] = (path, spec, time.monotonic())
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    path, spec, started = running.pop(future)
                    if (error := future.exception()) is not None:
                        failures.append((spec.get("label", ""), error))
                        continue
                    found[path] = {"spec": spec, "result": future.result()}
                    write_sealed(path, found[path])
                    if each is not None:
                        each(spec, found[path]["result"])
                    bar.advance(task)
                    if bar.disable:
                        done = total - len(missing) + len(found)
                        took = time.monotonic() - started
                        say(
                            self.console,
                            f"{stage} {done}/{total}: {spec.get('label', '')} {took:.0f} s",
                        )
        if failures:
            label, error = failures[0]
            say(self.console, f"{stage} failed: {label}")
            if isinstance(error, BrokenProcessPool):
                raise ChildProcessError(
                    "a process was killed while it computed (is there enough memory? then fewer "
                    "workers need less); what is done is kept, and the same command goes on."
                ) from error
            raise error
        return found


def digest(spec: Spec) -> str:
    """A name for a job's result."""
    text = json.dumps({**spec, "version": hypernas.__version__}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _initialise(path: list[str], opened: connection.Connection) -> None:
    sys.path[:] = path  # a user's own modules
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the study, which then ends us
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_study, args=(opened,), daemon=True).start()


def _end_with_study(opened: connection.Connection) -> None:
    """A study that stops, or is killed, leaves nobody behind who computes on."""
    parent = multiprocessing.parent_process()
    connection.wait([opened] if parent is None else [opened, parent.sentinel])
    os._exit(1)


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a result's file; None if it is not there, or damaged."""
    try:
        content = read_sealed(path)
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) and "result" in content else None
