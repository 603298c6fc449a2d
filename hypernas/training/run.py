"""The state of a training run, as callbacks see it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hypernas.conditions import Condition
from hypernas.data import Batches, Data
from hypernas.distributed import Placement, ProcessGroup
from hypernas.events import Acquainted, Begun, Ended, Event, Observer, Stateful
from hypernas.generators import Generator
from hypernas.objectives import Objective
from hypernas.training.callback import Averaging, Told, told_here, turn_of
from hypernas.training.checkpoint import State
from hypernas.training.divergence import check_finite
from hypernas.training.optimizer import Groups
from hypernas.training.task import Record, Strategy, Task
from hypernas.training.unreported import Unreported
from hypernas.training.watch import Watch

if TYPE_CHECKING:
    from hypernas.training.training import Training


@dataclass
class TrainingRun:
    """A generator in training: what there is, and where it stands.

    Attributes:
        training, task, strategy, record: as given to `Training.begin`.
        storage: the generator in the hands of its ranks.
        groups: its parameters in the hands of the optimizer.
        batches: of training.
        callbacks: all of them; those of other ranks are not told here.
        step: steps taken.
        figures: means of the last validation.
        watch: over steps whose loss or gradient is no number.
    """

    training: Training
    task: Task
    strategy: Strategy
    record: Record
    storage: Placement
    groups: Groups
    batches: Batches
    callbacks: Sequence[Told] = ()
    step: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    losses: list[Tensor] = field(default_factory=list)  # means of the steps since the last report
    norm: Tensor | None = None  # of the last gradient, before it was clipped
    stopping: str | None = None  # why, if a callback on this rank asked for it
    _values: tuple[int, dict[str, float]] = (0, {})  # step, and figures up to it
    _told: list[Event] = field(default_factory=list)
    _hearing: list[Told] = field(default_factory=list)  # who took in that the run begins

    @property
    def steps(self) -> int:
        return self.training.steps

    @property
    def generator(self) -> Generator:
        return self.storage.generator

    @property
    def ranks(self) -> ProcessGroup:
        return self.storage.ranks

    @property
    def data(self) -> Data:
        return self.task.data

    @property
    def objective(self) -> Objective:
        return self.task.objective

    @property
    def condition(self) -> Condition | None:
        return self.task.condition

    def path(self, path: str | os.PathLike[str]) -> Path:
        """A path of a callback: relative ones are in the folder of the run, if it has one."""
        return Path(path) if self.record.folder is None else self.record.folder / path

    def stop(self, reason: str) -> None:
        """End the run after the next step, on all ranks, as if that were the last; it is no error.

        Asked for as the run begins, no step is taken.
        """
        self.stopping = reason

    def values(self) -> dict[str, float]:
        """Loss (mean of the steps since the last report), gradient norm and learning rate.

        Raises:
            Diverged: if they are no numbers any more.
        """
        step, values = self._values
        if step != self.step and self.norm is not None and self.losses:
            values = {
                "loss": float(torch.stack(self.losses).mean()),
                "gradient_norm": float(self.norm),
                "learning_rate": self.groups.lr,
            }
            check_finite(self.step, values)
            self._values = self.step, values
        return values

    def tell(self, event: Event) -> None:
        """Tell everybody of an event; callbacks too may have something to tell.

        A callback that refused to begin is not told of the end.
        """
        self._told.append(event)
        for part in self._parts():
            if isinstance(part, Observer):
                part.see(event)
        for callback in sorted(self.callbacks, key=turn_of):
            if not told_here(callback, first=self.ranks.first):
                continue
            if isinstance(event, Ended) and callback not in self._hearing:
                continue
            callback(self, event)
            if isinstance(event, Begun):
                self._hearing.append(callback)

    def introduce(self) -> None:
        """Show the generator to the parts that look at it.

        Raises:
            ValueError: if there are some, and ranks divide its bank.
        """
        for part in self._parts():
            if isinstance(part, Acquainted):
                if self.training.shard_banks and self.ranks.size > 1:
                    raise ValueError(
                        f"{type(part).__name__} looks at all of the generator, which no rank holds while they divide "
                        f"banks: leave training.shard_banks off."
                    )
                part.meet(self.generator)

    def _parts(self) -> tuple[object, ...]:
        return self.strategy.sampler, self.objective, self.strategy.schedule

    def told(self) -> Iterator[Event]:
        """The events since this was last asked."""
        told, self._told = self._told, []
        yield from told

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the generator has the parameters that are to be judged, where a callback has some."""
        with contextlib.ExitStack() as stack:
            for callback in self.callbacks:
                if isinstance(callback, Averaging):
                    stack.enter_context(callback.averaged(self.generator))
            yield

    def restore(self, state: State) -> None:
        """Stand where a checkpoint was saved, whose generator is there already.

        Of a run that has taken all steps, or none, only these and the figures are taken.
        """
        self.step, self.figures = state.step, dict(state.figures)
        if 0 < self.step < self.steps:
            state.restore_optimizer(self.groups.optimizer, holds=self.storage.holds)
            state.restore_parts(self.stateful())
            state.restore_rng(self.generator.device)
            device = self.generator.device
            self.losses[:] = [loss.to(device) for loss in self.losses]

    def stateful(self) -> dict[str, Stateful]:
        """The parts whose state checkpoints keep, by name."""
        parts: dict[str, object] = {
            "sampler": self.strategy.sampler,
            "objective": self.objective,
            "schedule": self.strategy.schedule,
            "report": Unreported(self.losses),
        }
        for callback in self.callbacks:
            # A dot ends the name of a part where checkpoints name its tensors.
            name = kind = f"callback {type(callback).__qualname__.replace('.', '/')}"
            number = 1
            while name in parts:
                number += 1
                name = f"{kind} {number}"
            parts[name] = callback
        return {name: part for name, part in parts.items() if isinstance(part, Stateful)}
