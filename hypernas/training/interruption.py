"""Stopping a loop between two of its steps."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
_SIGNALS = [
    signal.SIGINT,
    signal.SIGTERM,
    *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []),
]


class Interrupted(KeyboardInterrupt):
    """A run that was asked to stop, and has saved what it had.

    Attributes:
        number: of the signal that asked.
    """

    def __init__(self, text: str, *, number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.number = number

    @property
    def status(self) -> int:
        """The exit status that shells give to what a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


class Interruption:
    """Makes of the first Ctrl-C, SIGTERM or SIGUSR1 a request that a loop asks for; a second acts as ever.

    Slurm sends SIGTERM before it preempts a job, and what is asked for by `--signal`, of which USR1 is usual.

        with Interruption() as interruption:
            for step in range(steps):
                ...
                if interruption.requested:
                    break

    Outside the main thread, where Python hears no signals, nothing is ever requested.
    """

    def __init__(self) -> None:
        self.number: int | None = None  # of the signal that asked
        self._previous: dict[int, Handler] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
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
        self.number = number
        self._restore()

    @property
    def requested(self) -> bool:
        return self.number is not None

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
