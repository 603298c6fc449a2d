"""The values that make a training: its task, its strategy, its record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypernas.conditions import Condition
from hypernas.data import Data
from hypernas.objectives import Objective
from hypernas.sampling import Sampler
from hypernas.schedules import Cosine
from hypernas.training.optimizer import Memory, OptimizerMaker


@dataclass(frozen=True)
class Task:
    """Data, objective and condition that a generator is trained for.

    Attributes:
        data: its splits.
        objective: the loss, and what is measured.
        condition: what a generator with a `condition_dim` reads of each batch; None for nothing.
    """

    data: Data
    objective: Objective
    condition: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """The choice of architectures at each step, and of how parameters move.

    A sampler, objective or schedule that is told what happens is a `hypernas.events.Observer`, one with
    a state of its own `hypernas.events.Stateful`, a sampler that weighs architectures
    `hypernas.sampling.Weighted`.

    Attributes:
        sampler: of the architectures of a step.
        optimizer: parameter groups -> optimizer, with the values of `lr` and `weight_decay` that
            groups take part of: see `ParameterGroup`.
        schedule: of the learning rate: (step, steps) -> factor, of `hypernas.schedules` or any function.
        seed: of batches, architectures and dropout.
        memory: what the optimizer is to know of some parameters at the first step, by name: see
            `Groups.remember`. On resuming, the checkpoint's is taken.
    """

    sampler: Sampler
    optimizer: OptimizerMaker
    schedule: Callable[[int, int], float] = field(default_factory=Cosine)
    seed: int = 0
    memory: Memory | None = None


@dataclass(frozen=True)
class Record:
    """Folder and settings of a run, for its callbacks.

    Attributes:
        folder: of the run, in which their relative paths are.
        settings: dotted name -> value, for what lists runs by their settings.
    """

    folder: Path | None = None
    settings: Mapping[str, bool | int | float | str] = field(default_factory=dict)
