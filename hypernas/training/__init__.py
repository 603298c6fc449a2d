"""Training one generator over a search space."""

from hypernas.events import Begun, Ended, Event, Observer, Skipped, Stateful, Stepped, Validated
from hypernas.training.callback import Averaging, Callback
from hypernas.training.divergence import Diverged
from hypernas.training.interruption import Interrupted
from hypernas.training.loop import train_steps
from hypernas.training.memory import memory_of
from hypernas.training.run import TrainingRun
from hypernas.training.task import Record, Strategy, Task
from hypernas.training.teacher import check_teacher
from hypernas.training.training import Training
from hypernas.training.update import Update

__all__ = [
    "Averaging",
    "Begun",
    "Callback",
    "Diverged",
    "Ended",
    "Event",
    "Interrupted",
    "Observer",
    "Record",
    "Skipped",
    "Stateful",
    "Stepped",
    "Strategy",
    "Task",
    "Training",
    "TrainingRun",
    "Update",
    "Validated",
    "check_teacher",
    "memory_of",
    "train_steps",
]
