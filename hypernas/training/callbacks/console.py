"""Progress on the terminal."""

import time

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hypernas.events import Begun, Ended, Event, Skipped, Stepped, Validated
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun


class Console(Callback):
    """A progress bar with rate and time left; plain lines where there is no terminal.

    Args:
        every: seconds between plain lines.
        console: where to write; by default standard error.
    """

    def __init__(self, *, every: float = 10.0, console: RichConsole | None = None) -> None:
        self.console = console or RichConsole(stderr=True)
        self.every = every
        self._progress: Progress | None = None
        self._first = 0
        self._started = self._said = 0.0

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun():
                self._begin(event)
            case Stepped(figures=figures) if figures is not None:
                self._show(event, f"loss {figures['loss']:.3f}")
            case Skipped(step=step, num=num):
                self._print(
                    f"step {step} left out, the {num}. so far: its loss or gradient is no number"
                )
            case Validated(step=step, steps=steps, means=means):
                told = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
                of = f"mean of {len(event.subnets)}"
                self._print(f"step {step}/{steps}  validation, {of}: {told}")
            case Ended():
                if self._progress:
                    self._progress.stop()
                if run.stopping and event.finished:
                    self._print(f"stopped after step {event.step}: {run.stopping}")

    def _begin(self, event: Begun) -> None:
        self._first = event.step
        self._started = self._said = time.monotonic()
        self._progress = None
        if self.console.is_terminal:
            self._progress = Progress(
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}"),
                console=self.console,
            )
            self._task = self._progress.add_task(
                "", total=event.steps, completed=event.step, rate="", figures=""
            )
            self._progress.start()

    def _show(self, event: Stepped, figures: str) -> None:
        now = time.monotonic()
        rate = (event.step - self._first) / max(now - self._started, 1e-9)
        if self._progress:
            self._progress.update(
                self._task, completed=event.step, rate=f"{rate:.1f} steps/s", figures=figures
            )
        elif now - self._said >= self.every or event.last:
            self._said = now
            left = (event.steps - event.step) / max(rate, 1e-9)
            self._print(
                f"step {event.step}/{event.steps}  {figures}  {rate:.1f} steps/s  {left:.0f} s left"
            )

    def _print(self, line: str) -> None:
        console = self._progress.console if self._progress else self.console
        console.print(line, highlight=False, soft_wrap=True)
