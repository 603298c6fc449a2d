"""Judging subnets for a search: their measures on the validation split."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch

from hypernas.conditions import Condition
from hypernas.data.data import Batch
from hypernas.generators import Generator
from hypernas.objectives import Moments, moments
from hypernas.search.passes import Passes
from hypernas.space import Architecture
from hypernas.subnet.arguments import Arguments
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

    They are those of `hypernas.evaluation.evaluate`, up to rounding, at a fraction of its time: examples are read
    once and stay on the generator's device, weights are generated once a subnet and run without an export, in the
    way that is fastest (see `Passes`), nothing but the measures is computed. The test split is never read: it is
    for what the search ends with.

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
        with torch.no_grad():
            self._ways = self._fastest_first(batch_size)

    @torch.no_grad()
    def __call__(self, architectures: Sequence[Architecture]) -> list[Verdict]:
        return [self._judge(architecture) for architecture in architectures]

    def measures(self) -> list[str]:
        """The names of what is measured, by a look at a few predictions of the smallest subnet."""
        generator, calibration = self.generators[0], self._calibration[:1]
        smallest, first = generator.space.smallest(), self._examples[:1]
        with torch.no_grad():
            if condition := self.task.condition:
                outputs = self._conditioned(condition, generator, smallest, calibration)
            else:
                way = Passes.plain(calibration, [inputs for inputs, _ in first])
                outputs = way.outputs(generator, smallest)
            return list(self._moments(outputs, first))

    def _fastest_first(self, piece: int) -> list[Passes]:
        """The ways to run subnets; none where weights follow the condition of each batch."""
        if self.task.condition is not None:
            return []
        plain = Passes.plain(self._calibration, [inputs for inputs, _ in self._examples])
        fastest = plain.fastest(self.generators[0], piece=piece)
        return [plain] if fastest is plain else [fastest, plain]

    def _judge(self, architecture: Architecture) -> Verdict:
        found = [self._verdict(generator, architecture) for generator in self.generators]
        return {name: Moments.of_mean([own[name] for own in found]) for name in found[0]}

    def _verdict(self, generator: Generator, architecture: Architecture) -> Verdict:
        if condition := self.task.condition:
            outputs = self._conditioned(condition, generator, architecture, self._calibration)
            return self._moments(outputs, self._examples)
        *faster, plain = self._ways
        for way in faster:
            # a part that only some architectures have may not take tensors of any strides
            with contextlib.suppress(RuntimeError):
                return self._moments(way.outputs(generator, architecture), self._examples)
        return self._moments(plain.outputs(generator, architecture), self._examples)

    def _conditioned(
        self,
        condition: Condition,
        generator: Generator,
        architecture: Architecture,
        batches: Iterable[Any],
    ) -> Iterator[Any]:
        """The outputs on each validation batch, on weights for its own condition, norms calibrated."""
        subnet = ConditionedSubnet(generator, architecture, condition)
        subnet.statistics = subnet.calibrate(batches)
        for inputs, _ in self._examples:
            given = Arguments.of(inputs)
            yield subnet(*given.positional, **given.keywords)

    def _moments(self, outputs: Iterator[Any], examples: Sequence[Batch]) -> Verdict:
        rest = None if self.task.condition is None else self.task.condition.rest
        return moments(lambda *_, **__: next(outputs), examples, self.task.objective, rest=rest)
