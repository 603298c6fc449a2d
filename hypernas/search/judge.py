"""Judging subnets for a search: their measures on the validation split."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from hypernas.generators import Generator
from hypernas.objectives import Moments, moments
from hypernas.space import Architecture
from hypernas.training import Task
from hypernas.training.conditioned import ConditionedSubnet
from hypernas.training.settings import check_ranges

Verdict = Mapping[str, Moments]  # measure of the objective -> its sums over predictions


class Judging(Protocol):
    """Anything that measures subnets: a judge, or several that share the work."""

    def __call__(self, architectures: Sequence[Architecture]) -> list[Verdict]:
        """The verdict on each, in order."""
        ...


class Judge:
    """Measures of subnets on the validation split, their norms calibrated on training batches.

    They are those of `hypernas.evaluation.evaluate`, at a fraction of its time: examples are read once and
    stay on the generator's device, weights are generated once a subnet and run without an export, nothing but
    the measures is computed. The test split is never read: it is for what the search ends with.

    Args:
        generators: one; or several of the same space, such as those of a run's last checkpoints,
            over whose measures the mean is taken. They are put into evaluation mode.
        task: the data, objective and condition of their training.
        calibration_batches, batch_size: as in `evaluate`.

    Raises:
        ValueError: if there is no generator, or no validation split, or a setting is out of its range.
    """

    def __init__(
        self,
        generators: Sequence[Generator],
        task: Task,
        *,
        calibration_batches: int = 16,
        batch_size: int = 128,
    ) -> None:
        check_ranges(
            "a judge",
            calibration_batches=(calibration_batches, (0, math.inf)),
            batch_size=(batch_size, (1, math.inf)),
        )
        if not generators:
            raise ValueError("a judge needs one generator or more, got none.")
        task.data.check_validation()
        self.generators, self.task = [generator.eval() for generator in generators], task
        device = self.generators[0].device
        self._calibration = task.data.calibration(
            calibration_batches, batch_size=batch_size, device=device
        )
        self._examples = list(task.data.in_order("validation", device=device))

    @torch.no_grad()
    def __call__(self, architectures: Sequence[Architecture]) -> list[Verdict]:
        return [self._judge(architecture) for architecture in architectures]

    def measures(self) -> list[str]:
        """The names of what is measured, by a look at a few predictions of the smallest subnet."""
        generator = self.generators[0]
        smallest = generator.space.smallest()
        run = self._runner(generator, smallest, self._calibration[:1])
        return list(moments(run, self._examples[:1], self.task.objective, rest=self._rest))

    @property
    def _rest(self) -> Callable[[Any], Any] | None:
        return None if self.task.condition is None else self.task.condition.rest

    def _judge(self, architecture: Architecture) -> Verdict:
        found = []
        for generator in self.generators:
            run = self._runner(generator, architecture, self._calibration)
            found.append(moments(run, self._examples, self.task.objective, rest=self._rest))
        return {name: Moments.of_mean([own[name] for own in found]) for name in found[0]}

    def _runner(
        self, generator: Generator, architecture: Architecture, batches: Iterable[Any]
    ) -> Callable[..., Any]:
        """The subnet with calibrated norms: inputs -> outputs."""
        if self.task.condition is not None:
            subnet = ConditionedSubnet(generator, architecture, self.task.condition)
            subnet.statistics = subnet.calibrate(batches)
            return subnet
        resolved = generator.subnet(architecture)
        (weights,) = generator.many([resolved])
        statistics: Mapping[str, Tensor] = generator.calibrate(resolved, batches, weights=weights)

        def run(*inputs: Any, **keywords: Any) -> Any:
            return generator.call(
                resolved, *inputs, weights=weights, statistics=statistics, **keywords
            )

        return run
