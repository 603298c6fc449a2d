"""Training compute, in units of one stand-alone training of the largest subnet."""

import copy
import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from hypernas.border import checked
from hypernas.cost import counting, flops
from hypernas.data import Data
from hypernas.generators import Generator
from hypernas.objectives import Objective, teacher_of
from hypernas.sampling import Sampler, preview
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_skeleton

_NUM_STEPS = 64  # whose architectures make the mean


@dataclass(frozen=True)
class Budget:
    """Steps of a sampler that cost as much as a stand-alone training of the largest subnet.

    Forward FLOPs of the plain subnets are compared: the backward pass is twice as much for both,
    and what generating weights adds is counted by `step_flops` and reported, not taken off. So all
    generators with the same sampler take the same number of steps on the same architectures. The mean
    is that of 64 steps, with an error of some percent where a step has one random architecture;
    what was spent is `step_flops`, of more of them.

    Attributes:
        reference_steps: of the stand-alone training, with the same batch size.
        step: mean cost of a sampler's step, in units of one of the largest subnet.
    """

    reference_steps: int
    step: float

    @classmethod
    def of(
        cls, space: SearchSpace, data: Data, sampler: Sampler, *, reference_steps: int
    ) -> "Budget":
        cost = _forward(space, data)
        rng = torch.Generator().manual_seed(0)
        steps = preview(sampler, space, _NUM_STEPS, rng=rng)
        mean = sum(cost(d.architecture) * d.share for step in steps for d in step) / _NUM_STEPS
        return cls(reference_steps, mean / cost(space.largest()))

    def steps(self, budget: float) -> int:
        """Steps for a budget in units of the stand-alone training.

        Raises:
            ValueError: if that is less than one.
        """
        steps = round(budget * self.reference_steps / self.step)
        if steps < 1:
            raise ValueError(
                f"a budget of {budget} is less than one step: a step costs "
                f"{self.step / self.reference_steps:.2g}, in units of {self.reference_steps} steps "
                f"of the largest subnet alone. Give a larger budget, or more reference_steps."
            )
        return steps


@checked
def step_flops(
    generator: Generator,
    data: Data,
    *,
    sampler: Sampler,
    objective: Objective,
    batch_size: int,
    num: int = 256,
    counted: int = 8,
) -> float:
    """Mean FLOPs of a training step, over `num` architectures: generation, forward and backward passes.

    The steps of the first `counted` architectures are counted while they are computed on a copy (see
    `counting`): matrix products, convolutions and attention; products of matrices and vectors too, by
    which experts and templates are mixed. As that takes long, the others are taken to cost as much
    more or less as their plain forward passes do.
    Left out is element-wise work, as in scaling, what settling free channels takes, and a teacher that
    is no subnet. Weights are
    generated for one subnet after the other; where training generates those of a step together, it
    may do a little less. The generator and torch's random state stay as they are.
    """
    batch: tuple[Any, Any] = next(
        data.batches(batch_size=batch_size, device=generator.device).starting_at(0)
    )
    inputs = Arguments.of(batch[0])
    rng = torch.Generator().manual_seed(0)
    few = preview(sampler, generator.space, _NUM_STEPS, rng=torch.Generator().manual_seed(0))
    num_steps = math.ceil(num * _NUM_STEPS / sum(map(len, few)))
    steps = preview(sampler, generator.space, num_steps, rng=rng)
    sizes = itertools.accumulate(map(len, steps))
    first = next((i for i, size in enumerate(sizes, 1) if size >= counted), len(steps))
    shadow = copy.deepcopy(generator, {id(generator.space): generator.space}).train()
    teacher = teacher_of(objective, batch[0])
    devices = [generator.device] if generator.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), counting() as counter:
        for draw in itertools.chain(*steps[:first]):
            with torch.set_grad_enabled(draw.trained):
                outputs = shadow.call(draw.architecture, draw.rows.of(inputs, batch_size))
                own = draw.rows.of((batch[1], teacher), batch_size)
                loss = objective.loss(outputs, *own)
            if draw.trained:
                loss.backward()
    cost = _forward(generator.space, data)
    every, some = (
        sum(cost(draw.architecture) * draw.share for draw in itertools.chain(*part))
        for part in (steps, steps[:first])
    )
    return counter.get_total_flops() * every / some / len(steps)


def _forward(space: SearchSpace, data: Data) -> Callable[[Architecture], int]:
    """Architecture -> FLOPs of its plain forward pass of one example; each is counted once."""
    inputs = data.example(num=1)
    return functools.cache(lambda a: flops(build_skeleton(space, a), inputs))
