"""Search by gradient on one generator: TangleNAS."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hypernas.data.data import Batches
from hypernas.generators import Generator
from hypernas.objectives import Objective
from hypernas.objectives.widening import trained_on
from hypernas.schedules import Cosine
from hypernas.search.relaxation import Relaxation, Sparsemax
from hypernas.search.superposition import Superposition
from hypernas.space import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.training import Training
from hypernas.training.optimizer import Groups, OptimizerMaker
from hypernas.training.settings import check_ranges
from hypernas.training.task import Task


@dataclass(frozen=True)
class Tangled:
    """Choices as a search by gradient left them.

    Attributes:
        architecture: the value of the largest parameter of each choice.
        alpha: choice -> parameters of its values, shape (V,).
    """

    architecture: Architecture
    alpha: Mapping[str, Tensor]


def tangle(
    generator: Generator,
    task: Task,
    *,
    training: Training,
    optimizer: OptimizerMaker,
    relaxation: Relaxation | None = None,
    lr: float = 0.003,
    seed: int = 0,
) -> Tangled:
    """Train a generator and parameters of its space's choices in turns, and take the largest of these.

    At each step the weights of the largest architecture, superposed by the relaxed choices, take a step on a batch of
    the training split, then the choices one on a batch of the validation split (Sukthanker et al., "Weight-entanglement
    meets gradient-based neural architecture search", 2024, arXiv 2312.10440; of first order, as there). The
    generator's weights are then used as they are: `generator.call(found.architecture, ...)`. What a generator makes for other
    architectures than the largest is not trained but where it shares with it.

    Args:
        training: its steps, size of batches and bound on gradients.
        optimizer: of the generator; its learning rate falls by a cosine.
        relaxation: of the choices; by default `Sparsemax`.
        lr: of the choices, under Adam with betas (0.5, 0.999).
        seed: of batches and draws.

    Raises:
        ValueError: if a setting is out of its range; if the space has no masks: see `Superposition`; or the task a condition, or no
            validation split.
    """
    if task.condition is not None:
        raise ValueError("a search by gradient reads no condition: leave it out of the task.")
    task.data.check_validation()
    check_ranges("tangle", lr=(lr, (0.0, math.inf)), seed=(seed, (0, math.inf)))
    relax = relaxation or Sparsemax()
    superposition = Superposition(generator.space)
    alpha = {
        name: torch.zeros(num, device=generator.device, dtype=generator.dtype, requires_grad=True)
        for name, num in superposition.choices.items()
    }
    rng = torch.Generator().manual_seed(seed)
    groups, schedule = Groups(generator, optimizer), Cosine()
    choosing = torch.optim.Adam(alpha.values(), lr=lr, betas=(0.5, 0.999))
    splits = [
        _batches(task, split, training.batch_size, seed, generator.device)
        for split in ("train", "validation")
    ]
    tangled = _Superposed(generator.train(), superposition, task.objective)
    for step in range(training.steps):
        progress = step / training.steps
        groups.set_lr(schedule(step, training.steps))
        with torch.no_grad():
            weights = {name: relax(a, progress, rng) for name, a in alpha.items()}
        tangled.loss(next(splits[0]), weights).backward()
        groups.step(training.max_grad_norm)
        choosing.zero_grad()
        weights = {name: relax(a, progress, rng) for name, a in alpha.items()}
        tangled.loss(next(splits[1]), weights, still=True).backward()
        choosing.step()
    found = {name: a.detach().cpu() for name, a in alpha.items()}
    return Tangled(_best(generator, found), found)


class _Superposed:
    """The largest architecture on superposed weights."""

    def __init__(
        self, generator: Generator, superposition: Superposition, objective: Objective
    ) -> None:
        self.generator, self.superposition, self.objective = generator, superposition, objective
        self.subnet = generator.subnet(generator.space.largest())

    def loss(
        self, batch: tuple[Any, Any], weights: Mapping[str, Tensor], *, still: bool = False
    ) -> Tensor:  # shape: ()
        """The loss on a batch.

        Args:
            still: leave the generator out: its weights get no gradient, its statistics stay.
        """
        inputs, targets = batch
        with torch.set_grad_enabled(not still):
            (generated,) = self.generator.many([self.subnet])
        statistics = self.generator.statistics(self.subnet).clones() if still else None
        outputs = self.generator.call(
            self.subnet,
            Arguments.of(trained_on(self.objective, inputs)),
            weights=self.superposition(generated, weights),
            statistics=statistics,
        )
        return self.objective.loss(outputs, targets)


def _batches(
    task: Task, split: str, size: int, seed: int, device: torch.device
) -> Iterator[tuple[Any, Any]]:
    data = task.data
    made = Batches(
        getattr(data, split), batch_size=size, seed=seed, device=device, collate_fn=data.collate_fn
    )
    return made.starting_at(0)


def _best(generator: Generator, alpha: Mapping[str, Tensor]) -> Architecture:
    space = generator.space
    values = {
        name: choice.values[int(alpha[name].argmax())] if name in alpha else choice.values[0]
        for name, choice in space.choices.items()
    }
    return space.architecture(values)
