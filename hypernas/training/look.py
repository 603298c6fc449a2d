"""A look at the losses of architectures on the batch of a step, without gradients."""

from collections.abc import Callable, Sequence

import torch

from hypernas.distributed import Placement
from hypernas.generators import create_late_parameters
from hypernas.objectives import Objective, teacher_of
from hypernas.objectives.widening import trained_on
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.training.part import Part


class Look:
    """Losses of candidates, which leave running statistics and random states as they are.

    Every rank looks at all of them, under one seed, so that all decide alike.

    Args:
        part: architectures -> the batch of the step with their subnets.
        seed: of dropout, and what else is drawn in a forward pass.
    """

    def __init__(
        self,
        storage: Placement,
        part: Callable[[Sequence[Architecture]], Part],
        objective: Objective,
        *,
        seed: int,
    ) -> None:
        self._storage, self._part, self._objective, self._seed = storage, part, objective, seed

    @torch.no_grad()
    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        """The loss of each, in order."""
        generator, part = self._storage.generator, self._part(architectures)
        create_late_parameters(generator, part.subnets)
        every = range(len(part.subnets))
        weights = self._storage.weights(part.subnets, [every] * self._storage.ranks.size)
        inputs, targets = part.batch
        devices = [generator.device] if generator.device.type == "cuda" else []
        found = []
        for i in every:
            copies = generator.statistics(part.subnets[i]).clones()
            with torch.random.fork_rng(devices=devices):
                torch.manual_seed(self._seed)
                outputs = generator.call(
                    part.subnets[i],
                    Arguments.of(trained_on(self._objective, inputs)),
                    weights=weights[i],
                    statistics=copies,
                )
            teacher = teacher_of(self._objective, inputs)
            found.append(float(self._objective.loss(outputs, targets, teacher)))
        return found
