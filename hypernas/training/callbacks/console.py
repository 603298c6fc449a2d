"""Progress on the terminal."""

import time
from collections.abc import Mapping

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hypernas.generators import Generator
from hypernas.training.callbacks.monitor import Monitor, Subnets, mean_over_subnets


class Console(Monitor):
    """A progress bar with rate and time left; plain lines where there is no terminal.

    Args:
        console: where to write; by default standard error.
        every: seconds between plain lines.
    """

    def __init__(self, *, console: RichConsole | None = None, every: float = 10.0) -> None:
        self.console = console or RichConsole(stderr=True)
        self.every = every
        self._progress: Progress | None = None
        self._steps = self._first = 0
        self._started = self._said = 0.0

    def begin(self, *, step: int, steps: int) -> None:
        self._steps, self._first = steps, step
        self._started = self._said = time.monotonic()
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
                "", total=steps, completed=step, rate="", figures=""
            )
            self._progress.start()

    def step(self, step: int, values: Mapping[str, float]) -> None:
        figures = f"loss {values['loss']:.3f}"
        now = time.monotonic()
        rate = (step - self._first) / max(now - self._started, 1e-9)
        if self._progress:
            self._progress.update(
                self._task, completed=step, rate=f"{rate:.1f} steps/s", figures=figures
            )
        elif now - self._said >= self.every or step == self._steps:
            self._said = now
            left = (self._steps - step) / max(rate, 1e-9)
            self._print(
                f"step {step}/{self._steps}  {figures}  {rate:.1f} steps/s  {left:.0f} s left"
            )

    def validation(
        self,
        step: int,
        subnets: Subnets,
        generator: Generator,
    ) -> None:
        means = mean_over_subnets(subnets)
        figures = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        self._print(f"step {step}/{self._steps}  validation, mean of {len(subnets)}: {figures}")

    def end(self, final: Mapping[str, float]) -> None:
        if self._progress:
            self._progress.stop()

    def _print(self, line: str) -> None:
        console = self._progress.console if self._progress else self.console
        console.print(line, highlight=False, soft_wrap=True)
