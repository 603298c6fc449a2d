"""Judging subnets for a search: their measures on the validation split."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch

from hypernas.conditions import Condition
from hypernas.data import num_examples
from hypernas.data.data import Batch
from hypernas.evaluation.appraisal import Appraisal
from hypernas.generators import Generator
from hypernas.objectives import Moments, moments
from hypernas.search.hurdle import Hurdle, Interval
from hypernas.search.passes import Passes
from hypernas.search.stages import stages
from hypernas.search.verdict import Verdict
from hypernas.space import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.training import Task
from hypernas.training.conditioned import ConditionedSubnet
from hypernas.training.settings import check_ranges

_SURE = 3.0  # standard errors by which an early reading may be wrong

Way = Callable[[Generator, Architecture], Iterator[Any]]  # -> outputs on each validation batch


class Judging(Protocol):
    """Anything that measures subnets: a judge, or several that share the work."""

    def __call__(
        self,
        architectures: Sequence[Architecture],
        hurdles: Sequence[Hurdle | None] | None = None,  # as many, or none at all
    ) -> list[Verdict]:
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
        halving: share of the validation examples that is read first, of all classes alike; only where a subnet may
            still surpass its hurdle, going by 3 standard errors of independent predictions, the others are read.
            None reads all of each.

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
        halving: float | None = None,
    ) -> None:
        self.halving = 1.0 if halving is None else halving
        check_ranges(
            "a judge",
            halving=(self.halving, (0.0, 1.0)),
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
        if halving is None:
            self._first, self._rest = list(task.data.in_order("validation", device=device)), []
            self._num_first = num_examples(task.data.validation)
        else:
            self._first, self._rest, self._num_first = stages(task.data, halving, device=device)
        with torch.no_grad():
            self._ways = self._fastest_first(batch_size)

    @torch.no_grad()
    def __call__(
        self,
        architectures: Sequence[Architecture],
        hurdles: Sequence[Hurdle | None] | None = None,
    ) -> list[Verdict]:
        pairs = zip(architectures, hurdles or [None] * len(architectures), strict=True)
        return [self._judge(architecture, hurdle) for architecture, hurdle in pairs]

    @torch.no_grad()
    def appraise(self, architecture: Architecture) -> dict[str, float]:
        """Appraise a subnet in use on the validation split, where the objective is an `Appraisal`.

        The mean over generators of what `hypernas.evaluation.evaluate` finds.
        """
        task, found = self.task, []
        if not isinstance(task.objective, Appraisal):
            return {}
        for generator in self.generators:
            statistics = generator.calibrate(architecture, self._calibration)
            model = generator.export(architecture, statistics=statistics)
            found.append(task.objective.appraise(model, task.data, "validation"))
        return {name: sum(own[name] for own in found) / len(found) for name in found[0]}

    def measures(self) -> list[str]:
        """The names of what is measured, by a look at a few predictions of the smallest subnet."""
        generator, calibration = self.generators[0], self._calibration[:1]
        smallest, first = generator.space.smallest(), self._first[:1]
        with torch.no_grad():
            if condition := self.task.condition:
                outputs = self._conditioned(condition, generator, smallest, calibration)
            else:
                given = [inputs for inputs, _ in first]
                way = Passes.plain(calibration, given, objective=self.task.objective)
                outputs = way.outputs(generator, smallest)
            return list(self._moments(outputs, first))

    def _fastest_first(self, piece: int) -> list[Way]:
        """The ways to run subnets; the last takes all there are."""
        if condition := self.task.condition:

            def conditioned(generator: Generator, architecture: Architecture) -> Iterator[Any]:
                return self._conditioned(condition, generator, architecture, self._calibration)

            return [conditioned]
        every = [*self._first, *self._rest]
        examples = [inputs for inputs, _ in every]
        plain = Passes.plain(self._calibration, examples, objective=self.task.objective)
        fastest = plain.fastest(self.generators[0], piece=piece)
        return [plain.outputs] if fastest is plain else [fastest.outputs, plain.outputs]

    def _judge(self, architecture: Architecture, hurdle: Hurdle | None) -> Verdict:
        *faster, last = self._ways
        for way in faster:
            # a part that only some architectures have may not take tensors of any strides
            with contextlib.suppress(RuntimeError):
                return self._read(way, architecture, hurdle)
        return self._read(last, architecture, hurdle)

    def _read(self, way: Way, architecture: Architecture, hurdle: Hurdle | None) -> Verdict:
        """The verdict on the first examples, or on all where these leave it open."""
        outputs = [way(generator, architecture) for generator in self.generators]
        first = self._mean(outputs, self._first)
        if not self._rest:
            return Verdict(first)
        if hurdle is not None and hurdle.out_of_reach(bounds(first, self.halving)):
            return Verdict(first, self._num_first)
        rest = self._mean(outputs, self._rest)
        return Verdict({name: moment + rest[name] for name, moment in first.items()})

    def _mean(
        self, outputs: Sequence[Iterator[Any]], examples: Sequence[Batch]
    ) -> dict[str, Moments]:
        """The mean over generators of the measures of their next outputs."""
        found = [self._moments(own, examples) for own in outputs]
        return {name: Moments.of_mean([own[name] for own in found]) for name in found[0]}

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
        for inputs, _ in [*self._first, *self._rest]:
            given = Arguments.of(inputs)
            yield subnet(*given.positional, **given.keywords)

    def _moments(self, outputs: Iterator[Any], examples: Sequence[Batch]) -> dict[str, Moments]:
        rest = None if self.task.condition is None else self.task.condition.rest
        return moments(lambda *_, **__: next(outputs), examples, self.task.objective, rest=rest)


def bounds(first: Mapping[str, Moments], share: float) -> dict[str, Interval]:
    """The ends between which measures of all examples are, going by those of a share of them.

    3 standard errors, of a mean of independent predictions of which some are known.
    """
    sure = _SURE * (1 - share) ** 0.5
    return {
        name: (one.mean - sure * one.error, one.mean + sure * one.error)
        for name, one in first.items()
    }
