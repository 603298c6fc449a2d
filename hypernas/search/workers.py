"""Judging on several processes of one machine."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

import torch

from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import Judge
from hypernas.search.verdict import Verdict
from hypernas.space import Architecture
from hypernas.training.settings import check_ranges

_judge: Judge | None = None  # of this process, if it is a worker


class Workers:
    """Processes that judge subnets side by side, each with a judge of its own and one thread.

    A verdict is what one process with one thread would give, to the last bit, whoever gives it. They end
    with the block, and by themselves if this process is killed.

    Args:
        make: makes the judge; called in each of them, so it has to be picklable: a function of a module,
            or a `functools.partial` of one.
        num: of processes.

    Raises:
        ValueError: if it is not 1 or more.
    """

    def __init__(self, make: Callable[[], Judge], *, num: int) -> None:
        check_ranges("Workers", num=(num, (1, math.inf)))
        self._pool = ProcessPoolExecutor(
            num,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(make,),
        )

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __call__(
        self,
        architectures: Sequence[Architecture],
        hurdles: Sequence[Hurdle | None] | None = None,
    ) -> list[Verdict]:
        """The verdict on each, in order.

        Raises:
            RuntimeError: if a process ended, or could not make its judge.
        """
        try:
            every = hurdles or [None] * len(architectures)
            return list(self._pool.map(_verdict, architectures, every))
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a process that judges subnets ended: its own message says why, if it was not killed "
                "for want of memory. Resume the search with fewer processes."
            ) from error


def _begin(make: Callable[[], Judge]) -> None:
    """Become a worker."""
    global _judge
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a key press is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _judge = make()


def _end_with_parent() -> None:
    """Wait for the parent's end, then end: nobody else would tell us, were it killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _verdict(architecture: Architecture, hurdle: Hurdle | None) -> Verdict:
    if _judge is None:
        raise RuntimeError("this process has not been made a worker.")
    return _judge([architecture], [hurdle])[0]
