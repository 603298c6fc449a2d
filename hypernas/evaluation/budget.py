"""Training compute, in units of one stand-alone training of the largest subnet."""

import copy
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from hypernas.border import checked
from hypernas.cost import counting, subnet_flops
from hypernas.data import Data
from hypernas.events import Observer
from hypernas.generators import Generator
from hypernas.objectives import Objective, Passing, teacher_of
from hypernas.objectives.widening import trained_on
from hypernas.sampling import Sampler, draws, preview
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments

_FORWARD = 1 / 3  # of a pass forth and back
_NUM_STEPS = 64  # of a look at how many architectures a step has
_MOST = 1000  # times as many steps as of the largest, at most
_ROUNDS = 8  # of the search for the number of steps of a sampler that changes over them


@dataclass(frozen=True)
class Budget:
    """Steps of a sampler that cost as much as a stand-alone training of the largest subnet.

    Forward FLOPs of the plain subnets are compared: the backward pass is twice as much for both,
    and what generating weights adds is counted by `training_overhead` and reported, not taken off. So all
    generators with the same sampler take the same number of steps on the same architectures.

    What is counted are the architectures that the training will take with its seed, to the last step, so that a
    budget is spent up to half a step; where a sampler goes by losses, they stand for those (see
    `hypernas.sampling.draws`).

    Attributes:
        reference_steps: of the stand-alone training, with the same batch size.
        cost: of an architecture's forward pass, in units of the largest one's.
        seed: of the training.
        objective: of the training, whose own passes of a subnet are counted too (see `hypernas.objectives.Passing`);
            None for one that has none.
    """

    space: SearchSpace
    sampler: Sampler
    reference_steps: int
    cost: Callable[[Architecture], float]
    seed: int = 0
    objective: Objective | None = None

    @classmethod
    def of(
        cls,
        space: SearchSpace,
        data: Data,
        sampler: Sampler,
        *,
        reference_steps: int,
        seed: int = 0,
        objective: Objective | None = None,
    ) -> "Budget":
        return cls(space, sampler, reference_steps, relative_cost(space, data), seed, objective)

    def spent(self, steps: int) -> float:
        """The cost of a training of so many steps, in units of the stand-alone training."""
        return sum(self._costs(steps)) / self.reference_steps

    def steps(self, budget: float) -> int:
        """Steps that cost a budget in units of the stand-alone training, or the nearest there is to it.

        Raises:
            ValueError: if that is less than one.
        """
        self.check(budget)
        wanted = budget * self.reference_steps
        if not isinstance(self.sampler, Observer) and not isinstance(self.objective, Passing):
            return _nearest(self._costs(math.ceil(_MOST * wanted) + _NUM_STEPS), wanted)
        return self._settled(wanted)  # what a step costs depends on the number of steps

    def check(self, budget: float) -> None:
        """Refuse a budget that is less than one step.

        Raises:
            ValueError: telling what a step costs.
        """
        first = next(self._costs(1))
        if first > 2 * budget * self.reference_steps:
            raise ValueError(
                f"a budget of {budget} is less than one step: a step costs "
                f"{first / self.reference_steps:.2g}, in units of {self.reference_steps} steps "
                f"of the largest subnet alone. Give a larger budget, or more reference_steps."
            )

    def _costs(self, steps: int) -> Iterator[float]:
        """Of each step, in units of one of the largest subnet."""
        for i, step in enumerate(draws(self.sampler, self.space, steps, seed=self.seed), 1):
            trained = sum(self.cost(draw.architecture) * draw.share for draw in step)
            yield trained + _beside(self.objective, i, steps)

    def _settled(self, wanted: float) -> int:
        """The number of steps that cost nearest to what is wanted, of those that are tried."""
        tried: dict[int, float] = {}
        steps = max(1, round(wanted))
        for _ in range(_ROUNDS):
            if steps in tried:
                break
            tried[steps] = sum(self._costs(steps))
            steps = max(1, round(steps * wanted / tried[steps]))
        return min(tried, key=lambda n: abs(tried[n] - wanted))


def _beside(objective: Objective | None, step: int, steps: int) -> float:
    """The cost of an objective's own passes at a step, in units of a step of the largest subnet."""
    return objective.passes(step, steps) * _FORWARD if isinstance(objective, Passing) else 0.0


def _nearest(costs: Iterator[float], wanted: float) -> int:
    """The number of steps whose sum is nearest to what is wanted."""
    before = 0.0
    for num, total in enumerate(itertools.accumulate(costs)):
        if total >= wanted:
            return num + (total - wanted <= wanted - before)
        before = total
    raise ValueError(
        f"steps cost less than 1/{_MOST} of one of the largest subnet on average: expected subnets that cost more."
    )


def relative_cost(space: SearchSpace, data: Data) -> Callable[[Architecture], float]:
    """Architecture -> FLOPs of its plain forward pass, in units of the largest one's; each is counted once."""
    cost = subnet_flops(space, data.example(num=1))
    return lambda architecture: cost(architecture) / cost(space.largest())


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

    Of the plain forward passes of all of them, times `training_overhead`, which counts `counted` of them. The generator and torch's random
    state stay as they are.
    """
    _check_whole(num=num, counted=counted, batch_size=batch_size)
    space = generator.space
    few = preview(sampler, space, _NUM_STEPS, rng=torch.Generator().manual_seed(0))
    num_steps = math.ceil(num * _NUM_STEPS / sum(map(len, few)))
    steps = preview(sampler, space, num_steps, rng=torch.Generator().manual_seed(0))
    each = training_overhead(
        generator,
        data,
        sampler=sampler,
        objective=objective,
        batch_size=batch_size,
        counted=counted,
        steps=num_steps,
    )
    cost = subnet_flops(space, data.example(num=1))
    every = sum(cost(draw.architecture) * draw.share for draw in itertools.chain(*steps))
    beside = sum(_beside(objective, i, num_steps) for i in range(1, num_steps + 1))
    return (each * every + 3 * cost(space.largest()) * beside * batch_size) / num_steps


@checked
def training_overhead(
    generator: Generator,
    data: Data,
    *,
    sampler: Sampler,
    objective: Objective,
    batch_size: int,
    counted: int = 8,
    steps: int = _NUM_STEPS,
) -> float:
    """FLOPs of training, for each one of a plain subnet's forward pass of one example.

    The steps of the first `counted` architectures, of a training of `steps` steps, are counted while they are computed on a copy (see
    `counting`): matrix products, convolutions and attention; products of matrices and vectors too, by
    which experts and templates are mixed.
    Left out is element-wise work, as in scaling, what settling free channels takes, and a teacher that
    is no subnet. Weights are
    generated for one subnet after the other; where training generates those of a step together, it
    may do a little less. The generator and torch's random state stay as they are.
    """
    _check_whole(steps=steps, counted=counted, batch_size=batch_size)
    batch: tuple[Any, Any] = next(
        data.batches(batch_size=batch_size, device=generator.device).starting_at(0)
    )
    looked = preview(sampler, generator.space, steps, rng=torch.Generator().manual_seed(0))
    sizes = itertools.accumulate(map(len, looked))
    first = next((i for i, size in enumerate(sizes, 1) if size >= counted), len(looked))
    some = list(itertools.chain(*looked[:first]))
    shadow = copy.deepcopy(generator, {id(generator.space): generator.space}).train()
    teacher = teacher_of(objective, batch[0])
    devices = [generator.device] if generator.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), counting() as counter:
        for draw in some:
            with torch.set_grad_enabled(draw.trained):
                given = trained_on(objective, draw.rows.of(batch[0], batch_size))
                outputs = shadow.call(draw.architecture, Arguments.of(given))
                own = draw.rows.of((batch[1], teacher), batch_size)
                loss = objective.loss(outputs, *own)
            if draw.trained:
                loss.backward()
    cost = subnet_flops(generator.space, data.example(num=1))
    return counter.get_total_flops() / sum(cost(d.architecture) * d.share for d in some)


def _check_whole(**numbers: int) -> None:
    if wrong := {name: number for name, number in numbers.items() if number < 1}:
        raise ValueError(f"{', '.join(wrong)} must be 1 or more, got {wrong}.")
