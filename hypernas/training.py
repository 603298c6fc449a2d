"""Training one generator over a search space."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas import checkpoint
from hypernas.architecture import Architecture
from hypernas.data import Batches, Data, in_order
from hypernas.device import pick_device
from hypernas.generators import Generator, settle, settles, together, wakes
from hypernas.interruption import Interrupted, Interruption
from hypernas.monitors import Monitor, mean_over_subnets
from hypernas.objectives import Objective, assess
from hypernas.optimization import Groups, Memory, OptimizerMaker
from hypernas.ranks import Alone, Ranks
from hypernas.sampling import Sampler, sample_subnets
from hypernas.target import positional

_RANGES = (
    ("steps", 1, math.inf),
    ("batch_size", 1, math.inf),
    ("warmup", 0, 1),
    ("final_lr", 0, 1),
    ("max_grad_norm", 1e-12, math.inf),
    ("log_every", 1, math.inf),
    ("validate_every", 1, math.inf),
    ("num_validation", 0, math.inf),
    ("calibration_batches", 1, math.inf),
    ("checkpoint_every", 1, math.inf),
)


class Diverged(RuntimeError):
    """The loss or its gradient is no longer a number."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long and how to train; `run` does it.

    A step draws a batch and some architectures, adds up the gradients of their losses on that
    batch and of the generator's auxiliary loss, and takes one step of the optimizer. Batches and
    architectures are functions of the seed and the step's number, so a resumed run takes the same
    steps as one that never stopped; and several ranks take the steps that one process would (see
    `hypernas.ranks`).

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

    Raises:
        ValueError: naming every argument that is out of its range.
    """

    steps: int = 1000
    batch_size: int = 128
    warmup: float = 0.1
    final_lr: float = 0.0
    max_grad_norm: float | None = 1.0
    combine: Literal["mean", "sum"] = "mean"
    precision: Literal["auto", "float32"] = "auto"
    log_every: int = 10
    validate_every: int = 250
    num_validation: int = 6
    calibration_batches: int = 4
    checkpoint_every: int = 250
    shard_optimizer: bool = False

    def __post_init__(self) -> None:
        wrong = []
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is None and name == "max_grad_norm":
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                expected = f"{low} or more" if high == math.inf else f"{low} to {high}"
                wrong.append(f"{name}: expected {expected}, got {value!r}")
        for name, allowed in (("combine", ("mean", "sum")), ("precision", ("auto", "float32"))):
            if getattr(self, name) not in allowed:
                wrong.append(f"{name}: expected one of {allowed}, got {getattr(self, name)!r}")
        if wrong:
            raise ValueError("training cannot be set up:\n  " + "\n  ".join(wrong))

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

        Args:
            optimizer: parameter groups -> optimizer, with the values of `lr` and `weight_decay` that
                groups take part of: see `ParameterGroup`.
            folder: of the checkpoints; None saves none.
            resume: go on from the newest checkpoint in `folder`.
            device: "auto" is the GPU if there is one; each rank has its own.
            seed: of batches, architectures and dropout.
            ranks: the processes that train together, from `hypernas.ranks.join`; None is this one.
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
        if self.shard_optimizer and wakes(generator):
            raise ValueError(
                "parameters of this generator come to life while it trains, so no rank can be given "
                "its part of them before: leave training.shard_optimizer off."
            )
        if self.shard_optimizer and memory is not None and ranks.size > 1:
            raise ValueError(
                "what an optimizer is to know of parameters cannot be divided among ranks: leave "
                "training.shard_optimizer off."
            )
        device = ranks.place(pick_device(device))
        generator.to(device).train()
        torch.manual_seed(seed)
        batches = Batches(data.train, batch_size=self.batch_size, seed=seed, device=device)
        start, final = 0, dict[str, float]()
        if resume and folder is not None:
            state = checkpoint.load(checkpoint.newest(folder), generator=generator)
            start, final = state.step, dict(state.figures)
        groups = Groups(generator, ranks.sharded(optimizer) if self.shard_optimizer else optimizer)
        if start:
            state.restore_optimizer(groups.optimizer)
            state.restore_rng(device)
        elif memory is not None:
            groups.remember(memory)
        if start >= self.steps:
            return final
        settings = {"training": self, "seed": seed, "step": start, "data": batches.num_examples}
        ranks.check_alike(generator, settings)
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
                    groups.set_lr(self._lr_factor(step))
                    rng = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
                    architectures = sampler(generator.space, rng)
                    ranks.reseed(seed, step)
                    loss = self.backward(
                        generator, architectures, next(stream), objective, rng, ranks
                    )
                    norm = groups.step(self.max_grad_norm)
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
                        _check_finite(step, values)
                    if reports:
                        losses = []
                        for monitor in monitors:
                            monitor.step(step, values)
                    if step % self.validate_every == 0 or step == self.steps:
                        subnets = self._validate(
                            generator, watched, data, batches, objective, ranks
                        )
                        final = mean_over_subnets(subnets)
                        for monitor in monitors:
                            monitor.validation(step, subnets, generator)
                    if saves and self.shard_optimizer:
                        ranks.collect(groups.optimizer)
                    if folder is not None and saves and ranks.first:
                        checkpoint.save(
                            Path(folder),
                            step=step,
                            generator=generator,
                            optimizer=groups.optimizer,
                            figures=final,
                        )
                    if stopping and step < self.steps:
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
        ranks: Ranks | None = None,
    ) -> Tensor:  # shape: (), mean loss
        """Add up the gradients of the losses of some architectures on one batch.

        With an `rng`, what is free in slices is settled first, on the same batch. Given several
        ranks, each with the same arguments, every one computes its share, and all have the sums.
        """
        ranks = ranks or Alone()
        alone = rng is not None and settles(generator)
        share = ranks.share(len(architectures), len(batch[1]), split=not alone)
        remembered = ranks.remember(generator, architectures)
        inputs, targets = share.of(batch)
        teaching = objective.distils and architectures[0] == generator.space.largest()
        scale = share.weight / len(architectures) if self.combine == "mean" else share.weight
        teacher = None
        total = torch.zeros((), device=generator.device)
        for positions in [[i] for i in range(len(architectures))] if alone else [share.positions]:
            if alone:
                judge = partial(objective.loss, targets=targets, teacher=teacher)
                with self._autocast(generator.device):  # its cache holds casts without gradients
                    one = architectures[positions[0]]
                    settle(generator, one, *positional(inputs), loss=judge, rng=rng)
            if teaching and teacher is None and 0 not in share.positions:
                teacher = self._taught(generator, architectures[0], inputs)
            group = [architectures[i] for i in positions if i in share.positions]
            with together(generator, group) as generated:
                for architecture, weights in zip(group, generated, strict=True):
                    with self._autocast(generator.device):
                        outputs = generator.call(architecture, *positional(inputs), weights=weights)
                        loss = objective.loss(outputs, targets, teacher)
                    (loss * scale).backward()
                    if teaching and teacher is None:
                        teacher = outputs.detach()
                    total += loss.detach() * share.weight
        total /= len(architectures)
        if ranks.first:
            auxiliary = generator.auxiliary_loss(architectures)
            if auxiliary.requires_grad:
                auxiliary.backward()
            total += auxiliary.detach()
        return ranks.exchange(generator, total, remembered)

    @torch.no_grad()
    def _taught(self, generator: Generator, architecture: Architecture, inputs: Any) -> Any:
        """The outputs of a teacher that another rank trains; norm statistics stay as they are."""
        copies = {name: s.clone() for name, s in generator.statistics(architecture).items()}
        with self._autocast(generator.device):
            return generator.call(architecture, *positional(inputs), statistics=copies)

    def _autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        if (
            self.precision == "auto"
            and device.type == "cuda"
            and torch.cuda.is_bf16_supported(including_emulation=False)
        ):
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()

    def _lr_factor(self, step: int) -> float:
        """The learning rate of a step, 1, 2, ..., `steps`, in units of its peak."""
        warmup = self.warmup * self.steps
        if step <= warmup:
            return step / warmup
        progress = (step - warmup) / (self.steps - warmup + 1)  # the last step still moves
        return self.final_lr + (1 - self.final_lr) * (1 + math.cos(math.pi * progress)) / 2

    @torch.no_grad()
    def _validate(
        self,
        generator: Generator,
        watched: Mapping[str, Architecture],
        data: Data,
        batches: Batches,
        objective: Objective,
        ranks: Ranks,
    ) -> dict[str, tuple[Architecture, dict[str, float]]]:
        generator.eval()
        labels: dict[Architecture, str] = {}  # of the distinct ones
        for label, architecture in watched.items():
            labels.setdefault(architecture, label)
        measures = {}
        for label in ranks.own(list(labels.values())):
            architecture = watched[label]
            some: Iterator[Any] = islice(batches.starting_at(0), self.calibration_batches)
            statistics = generator.calibrate(architecture, (inputs for inputs, _ in some))
            module = generator.export(architecture, statistics=statistics)
            examples = in_order(data.validation, device=generator.device)
            measures[label] = assess(module, examples, objective)
        generator.train()
        measures = ranks.gather(measures)
        return {label: (a, measures[labels[a]]) for label, a in watched.items()}


def _check_finite(step: int, values: Mapping[str, float]) -> None:
    if not all(math.isfinite(value) for value in values.values()):
        raise Diverged(
            f"training diverged by step {step} (loss {values['loss']}, gradient norm "
            f"{values['gradient_norm']}); lower optimizer.lr, or training.max_grad_norm. "
            f"Checkpoints saved before are kept."
        )


def memory_of(
    folder: str | os.PathLike[str], generator: Generator, optimizer: OptimizerMaker
) -> Memory:
    """What an optimizer kept of a generator's parameters at the newest checkpoint, by name.

    The generator too is put back to that checkpoint.

    Raises:
        CheckpointError: if there is none, or it does not fit.
    """
    state = checkpoint.load(checkpoint.newest(folder), generator=generator)
    groups = Groups(generator, optimizer)
    state.restore_optimizer(groups.optimizer)
    return groups.memory()
