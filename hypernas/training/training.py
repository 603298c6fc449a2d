"""The settings of training, and the function that runs it."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas.data.draws import seed_all
from hypernas.distributed import Placement, ProcessGroup, Replicated, ShardedBanks
from hypernas.distributed.device import pick_device
from hypernas.generators import Generator
from hypernas.objectives import Objective
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import Rows
from hypernas.training import checkpoint
from hypernas.training.callback import Told, turn_of
from hypernas.training.gradients import add_gradients
from hypernas.training.loop import train_steps
from hypernas.training.optimizer import Groups
from hypernas.training.part import Part
from hypernas.training.run import TrainingRun
from hypernas.training.settings import Limits, misfits
from hypernas.training.task import Record, Strategy, Task

_LIMITS: dict[str, Limits] = {
    "steps": (1, math.inf),
    "batch_size": (1, math.inf),
    "accumulate": (1, math.inf),
    "log_every": (1, math.inf),
    "num_workers": (0, math.inf),
    "combine": ("mean", "sum"),
    "precision": ("auto", "float32"),
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of training: its length, its steps, and what they compute on; `run` does it.

    A step draws a batch and some architectures, adds up the gradients of their losses on that
    batch and of the generator's auxiliary loss, and takes one step of the optimizer. Batches and
    architectures are functions of the seed and the step's number, so a resumed run takes the same
    steps as one that never stopped; and several ranks take the steps that one process would (see
    `hypernas.distributed`). All else (reports, validation, checkpoints, ...) is a callback's.

    Args:
        steps: optimizer steps.
        batch_size: examples of a batch.
        accumulate: batches a step, one after the other, whose gradients are averaged.
        max_grad_norm: gradients are scaled down to this norm; None for no clipping.
        combine: "mean" averages the gradients of a step's architectures, "sum" adds them up. AttentiveNAS, AlphaNet
            and Once-for-All sum, Mixture-of-Supernets averages; under clipping and Adam they differ less than by a factor.
        precision: "auto" computes the target in bfloat16 on a GPU that can; "float32" never does.
        log_every: steps between reports of the figures to callbacks.
        num_workers: processes that read a data set which is not tensors; 0 reads it here.
        shard_optimizer: True divides the optimizer's memory among ranks.
        shard_banks: True divides banks among them, with gradients and the optimizer's memory: see
            `hypernas.distributed.ShardedBanks`.

    Raises:
        ValueError: naming every argument that is out of its range.
    """

    steps: int = 4000
    batch_size: int = 128
    accumulate: int = 1
    max_grad_norm: float | None = 1.0
    combine: Literal["mean", "sum"] = "mean"
    precision: Literal["auto", "float32"] = "auto"
    log_every: int = 10
    num_workers: int = 0
    shard_optimizer: bool = False
    shard_banks: bool = False

    def __post_init__(self) -> None:
        limits = dict(_LIMITS)
        if self.max_grad_norm is not None:
            limits["max_grad_norm"] = (1e-12, math.inf)
        wrong = misfits(vars(self), limits)
        if self.shard_banks and self.shard_optimizer:
            wrong.append("shard_optimizer: expected False beside shard_banks, which divides it too")
        if wrong:
            raise ValueError("training cannot be set up:\n  " + "\n  ".join(wrong))

    def run(
        self,
        generator: Generator,
        task: Task,
        strategy: Strategy,
        *,
        callbacks: Sequence[Told] = (),
        record: Record | None = None,
        resume: str | os.PathLike[str] | checkpoint.Checkpoint | None = None,
        device: str | torch.device = "auto",
        ranks: ProcessGroup | None = None,
    ) -> dict[str, float]:
        """Train the generator in place; the arguments are those of `begin`.

        Where ranks divide its bank, the generator is on the CPU afterwards; after an error, each rank
        is left with its part.

        Returns:
            The last validation, if a callback validates: each measure's mean over the subnets.

        Raises:
            CheckpointError: on resuming from a checkpoint that does not fit.
            Diverged, Interrupted, RankLost: see `train_steps`.
        """
        run = self.begin(
            generator,
            task,
            strategy,
            callbacks=callbacks,
            record=record,
            resume=resume,
            device=device,
            ranks=ranks,
        )
        for _ in train_steps(run):
            pass  # callbacks see the events
        return dict(run.figures)

    def begin(
        self,
        generator: Generator,
        task: Task,
        strategy: Strategy,
        *,
        callbacks: Sequence[Told] = (),
        record: Record | None = None,
        resume: str | os.PathLike[str] | checkpoint.Checkpoint | None = None,
        device: str | torch.device = "auto",
        ranks: ProcessGroup | None = None,
    ) -> TrainingRun:
        """A run that has not begun, or stands at a checkpoint: what `train_steps` takes.

        Args:
            callbacks: who is told of the run's events, validates it and saves it: see `Callback`.
            record: where they write, and what they tell of the settings; None for the current folder
                and nothing.
            resume: the checkpoint that is gone on from, or the folder of those of which the newest is;
                None begins.
            device: "auto" is the GPU if there is one; each rank has its own.
            ranks: the processes that train together, from `hypernas.distributed.join`; None is this
                one. All of them read the checkpoints that rank 0 writes.

        Raises:
            CheckpointError: on resuming from a checkpoint that does not fit.
        """
        _check_condition(generator, task)
        storage = self._storage(generator, task, strategy, ranks or ProcessGroup())
        ranks, placed = storage.ranks, storage.ranks.place(pick_device(device))
        seed_all(strategy.seed)
        batches = task.data.batches(
            batch_size=self.batch_size,
            seed=strategy.seed,
            device=placed,
            num_workers=self.num_workers,
        )
        state = None
        if resume is not None:
            given = isinstance(resume, checkpoint.Checkpoint)
            chosen = resume if given else checkpoint.newest(resume)
            state = checkpoint.load(chosen, generator=generator)
        start = state.step if state else 0
        told = {"training": self, "schedule": _described(strategy.schedule), "seed": strategy.seed}
        ranks.check_alike(generator, {**told, "step": start, "data": batches.num_examples})
        storage.place(placed)
        generator.train()
        run = TrainingRun(
            self,
            task,
            strategy,
            record or Record(),
            storage,
            Groups(
                generator,
                storage.maker(strategy.optimizer),
                alone=isinstance(storage, Replicated) and ranks.size == 1,
            ),
            batches,
            sorted(callbacks, key=turn_of),
        )
        run.introduce()
        if state is not None:
            run.restore(state)
        if strategy.memory is not None and not start:
            run.groups.remember(strategy.memory)
        return run

    def _storage(
        self, generator: Generator, task: Task, strategy: Strategy, ranks: ProcessGroup
    ) -> Placement:
        """The generator in the hands of some ranks."""
        if self.shard_banks and task.condition is not None and ranks.size > 1:
            raise ValueError(
                "weights that follow the condition of each batch cannot be validated while ranks divide "
                "banks: leave training.shard_banks off."
            )
        for name in ("shard_optimizer", "shard_banks"):
            if getattr(self, name) and strategy.memory is not None and ranks.size > 1:
                raise ValueError(
                    f"what an optimizer is to know of parameters cannot be divided among ranks: "
                    f"leave training.{name} off."
                )
        if self.shard_banks:
            return ShardedBanks(generator, ranks)
        return Replicated(generator, ranks, shard_optimizer=self.shard_optimizer)

    def backward(
        self,
        generator: Generator,
        architectures: Sequence[Architecture],
        batch: tuple[Any, Any],
        objective: Objective,
        rng: torch.Generator | None = None,
        rows: Sequence[Rows] | None = None,
    ) -> Tensor:  # shape: (), mean loss
        """Add up the gradients of the losses of some architectures on one batch, in one process.

        Args:
            rng: given, free channels are chosen first, on the same batch.
            rows: that each architecture reads; None for all of them.
        """
        storage = Replicated(generator, ProcessGroup())
        return add_gradients(
            storage,
            [Part([generator.subnet(a) for a in architectures], batch, rows)],
            objective,
            combine=self.combine,
            precision=self.precision,
            rng=rng,
        )[0]


def _described(schedule: Callable[[int, int], float]) -> tuple[str, Mapping[str, object]]:
    """A schedule, as ranks can compare it: its class and settings."""
    return type(schedule).__qualname__, getattr(schedule, "__dict__", {})


def _check_condition(generator: Generator, task: Task) -> None:
    if (dim := generator.condition_dim) and task.condition is None:
        raise ValueError(
            f"the generator reads {dim} numbers beside the architecture (condition_dim={dim}), but the "
            f"task has no condition: give one of hypernas.conditions, or make it without."
        )
    if task.condition is not None and not generator.condition_dim:
        raise ValueError(
            f"the task has a condition ({type(task.condition).__name__}), but the generator reads "
            f"none: make it with a condition_dim."
        )
