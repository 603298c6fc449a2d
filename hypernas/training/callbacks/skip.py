"""Steps that may be left out."""

import math

from hypernas.events import Begun, Event, Skipped, Stateful
from hypernas.events.stateful import State
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun
from hypernas.training.settings import check_ranges
from hypernas.training.watch import Watch


class Skip(Callback, Stateful):
    """Lets a run leave out steps whose loss or gradient is no number, instead of ending.

    Parameters, the optimizer's memory and running statistics stay as they were before such a step, which counts
    as one. Each is kept in the folder of the run, so that `hypernas replay` can take it again. On a GPU every
    step is waited for.

    Args:
        most: steps that a run may leave out, those before it was resumed among them.
    """

    on_every_rank = True

    def __init__(self, most: int = 10) -> None:
        check_ranges("Skip", most=(most, (1, math.inf)))
        self.most, self.skipped = most, 0

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun():
                run.watch = Watch(self.most, self.skipped)
            case Skipped(num=num):
                self.skipped = num

    def state(self) -> State:
        return {"skipped": self.skipped}

    def restore(self, state: State) -> None:
        self.skipped = int(str(state["skipped"]))
