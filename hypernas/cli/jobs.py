"""Jobs that are done once: in parallel processes, and kept on disk by what they are."""

import hashlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import connection
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import hypernas

Spec = dict[str, Any]  # JSON


class Jobs:
    """Runs `work(spec)` for JSON specs, in order, unless it was done; results are JSON too.

    A result is a file of `folder`, named by the spec's digest and this library's version, written
    whole or not at all, so a killed study loses only what was under way.

    Args:
        work: a function of a module, as other processes have to import it.
        workers: processes, of one CPU thread each.
    """

    def __init__(
        self, work: Callable[[Spec], Any], folder: Path, *, workers: int, console: Console
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, got {workers}.")
        self.work, self.folder, self.workers, self.console = work, folder, workers, console
        context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
        self._pool = ProcessPoolExecutor(
            workers, context, initializer=_initialise, initargs=(list(sys.path),)
        )

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for nothing that was not begun."""
        self._pool.shutdown(cancel_futures=True)

    def run(self, stage: str, specs: Sequence[Spec], *, alone: bool = False) -> list[Any]:
        """The results in the order of the specs.

        Args:
            stage: its name, to be shown.
            alone: one at a time, for what is timed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = [self.folder / f"{digest(spec)}.json" for spec in specs]
        missing = {path: spec for path, spec in zip(paths, specs, strict=True) if not path.exists()}
        if missing:
            self._compute(stage, missing, len(specs), 1 if alone else self.workers)
        return [json.loads(path.read_text())["result"] for path in paths]

    def _compute(self, stage: str, missing: dict[Path, Spec], total: int, workers: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        bar = Progress(
            *columns, TimeElapsedColumn(), console=self.console, disable=not sys.stderr.isatty()
        )
        with bar:
            task = bar.add_task(stage, total=total, completed=total - len(missing))
            waiting = list(missing.items())
            running: dict[Future[Any], tuple[Path, Spec, float]] = {}
            done = total - len(missing)
            while waiting or running:
                while waiting and len(running) < workers:
                    path, spec = waiting.pop(0)
                    running[self._pool.submit(self.work, spec)] = (path, spec, time.monotonic())
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    path, spec, started = running.pop(future)
                    _write(path, {"spec": spec, "result": future.result()})
                    done += 1
                    bar.advance(task)
                    if bar.disable:
                        took = time.monotonic() - started
                        self.console.print(
                            f"{stage} {done}/{total}: {spec.get('label', '')} {took:.0f} s",
                            highlight=False,
                            soft_wrap=True,
                        )


def digest(spec: Spec) -> str:
    text = json.dumps({**spec, "version": hypernas.__version__}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _initialise(path: list[str]) -> None:
    sys.path[:] = path  # a user's own modules
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed study leaves nobody behind who computes on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_text(json.dumps(content, indent=1) + "\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
