"""Interference among subnets with common weights: one trained on alone, beside all trained on."""

import copy
import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypernas.data import Data
from hypernas.evaluation.gap import Measure
from hypernas.evaluation.recipe import Recipe
from hypernas.events import Stepped
from hypernas.generators import Generator
from hypernas.objectives import assess
from hypernas.sampling import Fixed, Sampler, Uniform
from hypernas.schedules import Constant
from hypernas.space.architecture import Architecture
from hypernas.training import Strategy, Task
from hypernas.training.loop import train_steps

Found = Mapping[str, Mapping[str, float]]  # subnet -> measure -> value


@dataclass(frozen=True, kw_only=True)
class Interference:
    """Measures of some subnets before one of them is trained on alone, after it, and after all are.

    Attributes:
        label: of the subnet that is trained on alone.
        steps: n, on it alone.
        times: in how many times as many steps on all of the space undertraining is looked for.
        before: of all subnets.
        alone: after n steps on the one.
        all_alike: after n steps on random ones.
        all_longer: after n times as many.
    """

    label: str
    steps: int
    times: int
    before: Found
    alone: Found
    all_alike: Found
    all_longer: Found

    def worth(self, measure: Measure) -> dict[str, float]:
        """Gains in the unit of a measure, above 0 where training on made subnets better.

        Returns:
            `specialising`: of the subnet, by n steps on it alone. `all`: by n steps on all. `longer`: by
            `times` n steps on all, which is undertraining. `interference`: specialising less all.
            `beyond`: specialising less longer, what is left of interference where undertraining
            could explain no more. `harm`: by how much the mean of the other subnets becomes *worse*
            by specialising.
        """

        def gain(after: Found, labels: Sequence[str]) -> float:
            return statistics.fmean(
                float(measure.score(after[own][measure.name] - self.before[own][measure.name]))
                * measure.scale
                for own in labels
            )

        own, others = [self.label], [label for label in self.before if label != self.label]
        alone, alike, longer = (
            gain(after, own) for after in (self.alone, self.all_alike, self.all_longer)
        )
        return {
            "specialising": alone,
            "all": alike,
            "longer": longer,
            "interference": alone - alike,
            "beyond": alone - longer,
            "harm": -gain(self.alone, others),
        }


def interference(
    generator: Generator,
    data: Data,
    recipe: Recipe,
    subnets: Mapping[str, Architecture],
    *,
    labels: Sequence[str],
    times: int = 4,
    seed: int = 0,
    split: str = "validation",
) -> list[Interference]:
    """Train copies of a generator on: on single subnets of it, and on random ones.

    All take the same batches at the same constant learning rate, that of the recipe's optimizer, and begin with an optimizer
    that remembers nothing. Common weights interfere with each other where a subnet gains by steps of its own what
    steps on all do not bring it, and others lose by them. Where more steps on all bring it too, they were not trained long enough.

    Args:
        recipe: its steps are those on one subnet; its schedule is not read.
        subnets: that are measured, two or more.
        labels: of those that are trained on alone, one after the other.
        times: see `Interference`.
        seed: of batches and random architectures.
        split: on which subnets are measured.

    Raises:
        ValueError: if fewer than two subnets are given, a label is none of theirs, `times` is less than 1, or the
            generator reads a condition.
    """
    _check(generator, subnets, labels, times)
    steps = recipe.training.steps
    before = _measured(generator, data, recipe, subnets, split)
    alike, longer = _trained(
        generator, data, recipe, Uniform(), seed=seed, stops=(steps, times * steps)
    )
    all_alike, all_longer = (
        _measured(own, data, recipe, subnets, split) for own in (alike, longer)
    )
    found = []
    for label in labels:
        sampler = Fixed(architectures=[subnets[label]])
        (alone,) = _trained(generator, data, recipe, sampler, seed=seed, stops=(steps,))
        found.append(
            Interference(
                label=label,
                steps=steps,
                times=times,
                before=before,
                alone=_measured(alone, data, recipe, subnets, split),
                all_alike=all_alike,
                all_longer=all_longer,
            )
        )
    return found


def _check(
    generator: Generator, subnets: Mapping[str, Architecture], labels: Sequence[str], times: int
) -> None:
    unknown = [label for label in labels if label not in subnets]
    if len(subnets) < 2 or unknown or not labels or times < 1:
        raise ValueError(
            f"expected two subnets or more, labels of some of them, and times of 1 or more, got the subnets "
            f"{[*subnets]}, the labels {[*labels]} and times={times}."
        )
    if generator.condition_dim:
        raise ValueError(
            f"this generator reads {generator.condition_dim} numbers beside the architecture: interference is "
            f"measured of weights that follow the architecture alone."
        )


def _trained(
    generator: Generator,
    data: Data,
    recipe: Recipe,
    sampler: Sampler,
    *,
    seed: int,
    stops: tuple[int, ...],
) -> list[Generator]:
    """Copies of a generator after so many more steps."""
    own = _copied(generator)
    training = dataclasses.replace(recipe.training, steps=max(stops))
    strategy = Strategy(sampler=sampler, optimizer=recipe.optimizer, schedule=Constant(), seed=seed)
    run = training.begin(own, Task(data, recipe.objective), strategy, device=generator.device)
    kept: dict[int, Generator] = {}
    for event in train_steps(run):
        if isinstance(event, Stepped) and event.step in stops:
            kept[event.step] = _copied(own)
    return [kept[stop] for stop in stops]


def _copied(generator: Generator) -> Generator:
    return copy.deepcopy(generator, {id(generator.space): generator.space})


def _measured(
    generator: Generator,
    data: Data,
    recipe: Recipe,
    subnets: Mapping[str, Architecture],
    split: str,
) -> Found:
    """The measures of each subnet, its norms calibrated."""
    generator.eval()
    batches = data.calibration(recipe.calibration_batches, device=generator.device)
    found = {}
    for label, architecture in subnets.items():
        statistics_ = generator.calibrate(architecture, batches)
        model = generator.export(architecture, statistics=statistics_)
        examples = data.in_order(split, device=generator.device)
        found[label] = assess(model, examples, recipe.objective)
    return found
