"""The loop that trains one generator over a search space."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas.data import Batches, Data
from hypernas.distributed import Alone, Copies, DividedBanks, Ranks
from hypernas.distributed.device import pick_device
from hypernas.generators import Generator
from hypernas.objectives import Objective
from hypernas.sampling import Sampler, sample_subnets
from hypernas.space.architecture import Architecture
from hypernas.training import checkpoint
from hypernas.training.callbacks import Monitor, mean_over_subnets
from hypernas.training.divergence import check_finite
from hypernas.training.gradients import add_gradients
from hypernas.training.interruption import Interrupted, Interruption
from hypernas.training.limits import check_limits
from hypernas.training.optimizer import Groups, Memory, OptimizerMaker
from hypernas.training.schedule import lr_factor
from hypernas.training.validation import validate


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long and how to train; `run` does it.

    A step draws a batch and some architectures, adds up the gradients of their losses on that
    batch and of the generator's auxiliary loss, and takes one step of the optimizer. Batches and
    architectures are functions of the seed and the step's number, so a resumed run takes the same
    steps as one that never stopped; and several ranks take the steps that one process would (see
    `hypernas.distributed`).

    Args:
        steps: optimizer steps.
        batch_size: examples a step.
        warmup: share of the steps over which the learning rate rises linearly from 0; it then falls
            to `final_lr` of its peak along a cosine.
        final_lr: share of the peak learning rate at the end.
        max_grad_norm: gradients are scaled down to this norm; None for no clipping.
        combine: whether the gradients of a step's architectures are averaged or summed.
        precision: "auto" computes the target in bfloat16 on a GPU that can; "float32" never does.
        log_every: steps between reports to monitors.
        validate_every: steps between validations; one more follows the last step.
        num_validation: random architectures validated beside the smallest and the largest.
        calibration_batches: training batches from which batch norms are calibrated to validate.
        checkpoint_every: steps between checkpoints; one more follows the last step.
        shard_optimizer: whether several ranks divide the optimizer's memory among them.
        shard_banks: whether they divide banks, with gradients and the optimizer's memory: see
            `hypernas.distributed.DividedBanks`.

    Raises:
        ValueError: naming every argument that is out of its range.
    """

    steps: int = 4000
    batch_size: int = 128
    warmup: float = 0.1
    final_lr: float = 0.0
    max_grad_norm: float | None = 1.0
    combine: Literal["mean", "sum"] = "mean"
    precision: Literal["auto", "float32"] = "auto"
    log_every: int = 10
    validate_every: int = 1000
    num_validation: int = 6
    calibration_batches: int = 4
    checkpoint_every: int = 1000
    shard_optimizer: bool = False
    shard_banks: bool = False

    def __post_init__(self) -> None:
        check_limits(vars(self))

    def run(
        self,
        generator: Generator,
        data: Data,
        *,
        sampler: Sampler,
        objective: Objective,
        optimizer: OptimizerMaker,
        monitors: Sequence[Monitor] = (),
        folder: str | os.PathLike[str] | None = None,
        resume: bool = False,
        device: str | torch.device = "auto",
        seed: int = 0,
        ranks: Ranks | None = None,
        memory: Memory | None = None,
    ) -> dict[str, float]:
        """Train the generator in place.

        Where ranks divide its bank, the generator is on the CPU afterwards; after an error, each rank
        is left with its part.

        Args:
            optimizer: parameter groups -> optimizer, with the values of `lr` and `weight_decay` that
                groups take part of: see `ParameterGroup`.
            folder: of the checkpoints; None saves none.
            resume: go on from the newest checkpoint in `folder`.
            device: "auto" is the GPU if there is one; each rank has its own.
            seed: of batches, architectures and dropout.
            ranks: the processes that train together, from `hypernas.distributed.join`; None is this one.
                Rank 0 tells the monitors and writes the checkpoints, which all ranks read.
            memory: what the optimizer is to know of some parameters at the first step, by name: see
                `Groups.remember`. On resuming, the checkpoint's is taken.

        Returns:
            The last validation: each measure's mean over the validated subnets.

        Raises:
            Diverged: if the loss is no longer finite; checkpoints from before are kept.
            CheckpointError: on resuming from a checkpoint that does not fit.
            Interrupted: after Ctrl-C or SIGTERM, at the end of the step, with a checkpoint saved.
            RankLost: if another rank ended, or did not answer in time.
        """
        ranks = ranks or Alone()
        storage = (
            DividedBanks(generator, ranks)
            if self.shard_banks
            else Copies(generator, ranks, shard_optimizer=self.shard_optimizer)
        )
        for name in ("shard_optimizer", "shard_banks"):
            if getattr(self, name) and memory is not None and ranks.size > 1:
                raise ValueError(
                    f"what an optimizer is to know of parameters cannot be divided among ranks: "
                    f"leave training.{name} off."
                )
        device = ranks.place(pick_device(device))
        torch.manual_seed(seed)
        batches = Batches(data.train, batch_size=self.batch_size, seed=seed, device=device)
        start, final = 0, dict[str, float]()
        if resume and folder is not None:
            state = checkpoint.load(checkpoint.newest(folder), generator=generator)
            start, final = state.step, dict(state.figures)
        if start >= self.steps:
            storage.place(device)
            storage.collect()
            generator.train()
            return final
        settings = {"training": self, "seed": seed, "step": start, "data": batches.num_examples}
        ranks.check_alike(generator, settings)
        storage.place(device)
        generator.train()
        groups = Groups(generator, storage.maker(optimizer))
        if start:
            state.restore_optimizer(groups.optimizer, holds=storage.holds)
            state.restore_rng(device)
        elif memory is not None:
            groups.remember(memory)
        if not ranks.first:
            monitors = ()
        watched = sample_subnets(generator.space, self.num_validation, seed=0)
        for monitor in monitors:
            monitor.begin(step=start, steps=self.steps)
        try:
            losses: list[Tensor] = []
            stream = batches.starting_at(start)
            with Interruption() as interruption:
                for step in range(start + 1, self.steps + 1):
                    groups.set_lr(
                        lr_factor(step, self.steps, warmup=self.warmup, final_lr=self.final_lr)
                    )
                    rng = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
                    architectures = sampler(generator.space, rng)
                    ranks.reseed(seed, step)
                    loss = add_gradients(
                        storage,
                        [generator.subnet(a) for a in architectures],
                        next(stream),
                        objective,
                        combine=self.combine,
                        precision=self.precision,
                        rng=rng,
                    )
                    norm = groups.step(self.max_grad_norm, storage.norm)
                    losses.append(loss)
                    # asked once: what follows takes time
                    stopping = ranks.any(interruption.requested)
                    last = step == self.steps or stopping
                    saves = folder is not None and (step % self.checkpoint_every == 0 or last)
                    reports = step % self.log_every == 0 or last
                    if reports or saves:
                        values = {
                            "loss": float(torch.stack(losses).mean()),
                            "gradient_norm": float(norm),
                            "learning_rate": groups.lr,
                        }
                        check_finite(step, values)
                    if reports:
                        losses = []
                        for monitor in monitors:
                            monitor.step(step, values)
                    if step % self.validate_every == 0 or step == self.steps:
                        subnets = validate(
                            storage, watched, data, batches, objective, self.calibration_batches
                        )
                        final = mean_over_subnets(subnets)
                        for monitor in monitors:
                            monitor.validation(step, subnets, generator)
                    if folder is not None and saves:
                        states = storage.states(groups.optimizer)
                        if ranks.first:
                            checkpoint.save(
                                Path(folder),
                                step=step,
                                generator=generator,
                                optimizer=groups.optimizer,
                                figures=final,
                                states=states,
                            )
                    if stopping:
                        break
            storage.collect()
            if step < self.steps:
                raise Interrupted(f"stopped after step {step} of {self.steps}")
        finally:
            for monitor in monitors:
                monitor.end(final)
        return final

    def backward(
        self,
        generator: Generator,
        architectures: Sequence[Architecture],
        batch: tuple[Any, Any],
        objective: Objective,
        rng: torch.Generator | None = None,
    ) -> Tensor:  # shape: (), mean loss
        """Add up the gradients of the losses of some architectures on one batch, in one process.

        With an `rng`, free channels are chosen first, on the same batch.
        """
        storage = Copies(generator, Alone())
        return add_gradients(
            storage,
            [generator.subnet(a) for a in architectures],
            batch,
            objective,
            combine=self.combine,
            precision=self.precision,
            rng=rng,
        )
