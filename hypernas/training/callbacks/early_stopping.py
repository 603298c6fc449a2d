"""Stopping early."""

import math
from typing import Literal

from hypernas.events import Begun, Event, Stateful, Validated
from hypernas.events.stateful import State
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun
from hypernas.training.settings import check_ranges


class EarlyStopping(Callback, Stateful):
    """Ends a run whose validation no longer becomes better.

    Args:
        measure: of the objective, of which the mean over the validated subnets is watched.
        better: "higher" or "lower" values are better.
        patience: validations in a row that may bring nothing.
        least: by how much a value has to be better to count.
    """

    def __init__(
        self,
        *,
        measure: str = "accuracy",
        better: Literal["higher", "lower"] = "higher",
        patience: int = 3,
        least: float = 0.0,
    ) -> None:
        check_ranges(
            "EarlyStopping",
            better=(better, ("higher", "lower")),
            patience=(patience, (1, math.inf)),
            least=(least, (0.0, math.inf)),
        )
        self.measure, self.better, self.patience, self.least = measure, better, patience, least
        self.best: float | None = None
        self.waited = 0

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun(step=0):
                self.best, self.waited = None, 0
            case Begun() if self.waited >= self.patience:  # resumed, though it had ended
                self._stop(run)
            case Validated():
                self._judge(run, event)

    def _judge(self, run: TrainingRun, event: Validated) -> None:
        means = event.means
        if self.measure not in means:
            raise ValueError(
                f"EarlyStopping watches {self.measure!r}, but validation measures {[*means]}: give "
                f"one of them as measure."
            )
        value = means[self.measure]
        gain = math.inf if self.best is None else value - self.best
        if self.best is not None and self.better == "lower":
            gain = -gain
        if gain > self.least:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self._stop(run)

    def _stop(self, run: TrainingRun) -> None:
        run.stop(f"{self.measure} has not become better than {self.best:.4f}")

    def state(self) -> State:
        return {"best": self.best, "waited": self.waited}

    def restore(self, state: State) -> None:
        best, waited = state["best"], state["waited"]
        self.best = float(best) if isinstance(best, int | float) else None
        self.waited = waited if isinstance(waited, int) else 0
