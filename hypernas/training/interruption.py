"""Stopping a loop between two of its steps."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


class Interrupted(KeyboardInterrupt):
    """A run that was asked to stop, and has saved what it had."""


class Interruption:
    """Makes of the first Ctrl-C, or SIGTERM, a request that a loop asks for; a second acts as ever.

        with Interruption() as interruption:
            for step in range(steps):
                ...
                if interruption.requested:
                    break

    Outside the main thread, where Python hears no signals, nothing is ever requested.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Handler] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
