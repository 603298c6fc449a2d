"""A generator's subnets against training each of them alone, by one recipe."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hypernas.cost import subnet_flops
from hypernas.data import Data
from hypernas.evaluation.budget import Budget
from hypernas.evaluation.comparison import baselines, compare
from hypernas.evaluation.estimate import Floats
from hypernas.evaluation.gap import MEASURES, Measure
from hypernas.evaluation.plateau import find_plateau
from hypernas.evaluation.recipe import Recipe
from hypernas.evaluation.references import References
from hypernas.evaluation.subnets import Evaluation
from hypernas.evaluation.trivial import class_frequencies
from hypernas.sampling import Sampler, stratified_subnets
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture

Job = TypeVar("Job")
Track = Callable[[Iterable[Job], int], Iterable[Job]]  # jobs and their number -> the same jobs


def stratified(space: SearchSpace, data: Data, num: int, *, seed: int) -> dict[str, Architecture]:
    """A sample of subnets, by label, spread over FLOPs."""
    return stratified_subnets(space, num, cost=subnet_flops(space, data.example(num=1)), seed=seed)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Inherited weights of some subnets beside weights trained alone.

    Attributes:
        inherited: the measured subnets.
        standalone: the measure of each with each seed, shape (R, N).
        steps: of stand-alone training.
        note: words on where the number of steps comes from.
    """

    inherited: Sequence[Evaluation]
    standalone: Floats
    measure: Measure
    steps: int
    note: str

    def text(self) -> str:
        """The gap and the ranking in lines, with intervals over subnets."""
        name = self.measure.name
        own = [evaluation.calibrated[name] for evaluation in self.inherited]
        truth = self.measure.score(self.standalone.mean(0))
        costs = {
            "parameter count": [evaluation.num_parameters for evaluation in self.inherited],
            "FLOPs": [evaluation.flops for evaluation in self.inherited],
        }
        lines = [
            f"{len(own)} subnets, stand-alone {name} the mean of {len(self.standalone)} seeds; "
            f"95 % intervals over subnets"
        ]
        for key, value in compare(own, self.standalone, measure=self.measure).items():
            unit = f" {self.measure.unit}" if key.endswith(("gap", "regret")) else ""
            lines.append(f"  {key}: {value:.2f}{unit}")
        lines += [f"  Kendall tau-b of {n}: {v:.2f}" for n, v in baselines(costs, truth).items()]
        return "\n".join(lines)


class StandaloneTraining:
    """Stand-alone training of subnets by one recipe, each kept on disk once it is done.

    Args:
        sampler: of the generator's training, by whose FLOPs the search for enough steps begins.
        steps: of each training; None finds the plateau.
        seeds: one or more, each once.
        folder: of references that were trained before.

    Raises:
        ValueError: if seeds are not a list of different ones.
    """

    def __init__(
        self,
        space: SearchSpace,
        data: Data,
        recipe: Recipe,
        *,
        sampler: Sampler,
        steps: int | None,
        seeds: Sequence[int],
        folder: str | os.PathLike[str],
        device: str = "auto",
    ) -> None:
        if not isinstance(seeds, list) or not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(
                f"recipe.seeds must be a list of one seed or more, each once, got {seeds!r}."
            )
        self.space, self.data, self.recipe, self.sampler = space, data, recipe, sampler
        self.steps, self.seeds, self.device = steps, seeds, device
        self.folder = Path(folder).expanduser()

    def compare(
        self, inherited: Sequence[Evaluation], *, split: str, track: Track[Any] | None = None
    ) -> Comparison:
        """Train the measured subnets alone, and set both beside each other.

        Args:
            track: passes the trainings through, and may show progress.
        """
        measure = measure_of(inherited[0])
        subnets = {found.label: found.architecture for found in inherited}
        steps, note = self._find_steps(subnets, measure)
        references = self._references(steps)
        jobs = [(seed, a) for seed in self.seeds for a in subnets.values()]
        values = [
            references(architecture, seed=seed)[split][measure.name]
            for seed, architecture in (track(jobs, len(jobs)) if track else jobs)
        ]
        return Comparison(
            inherited=inherited,
            standalone=np.array(values).reshape(len(self.seeds), len(subnets)),
            measure=measure,
            steps=steps,
            note=note,
        )

    def _references(self, steps: int) -> References:
        training = dataclasses.replace(self.recipe.training, steps=steps)
        recipe = dataclasses.replace(self.recipe, training=training)
        return References(self.space, self.data, recipe, folder=self.folder, device=self.device)

    def _find_steps(self, subnets: Mapping[str, Architecture], measure: Measure) -> tuple[int, str]:
        """The steps that were given, or those after which two doublings no longer help."""
        if self.steps is not None:
            return int(self.steps), f"stand-alone training takes {self.steps} steps"
        taken = self.recipe.training.steps
        budget = Budget.of(self.space, self.data, self.sampler, reference_steps=taken)
        some = dict(list(subnets.items())[:: max(1, len(subnets) // 3)][:3])
        found = find_plateau(
            lambda a, seed, steps: self._references(steps)(a, seed=seed)["validation"][
                measure.name
            ],
            some,
            steps=max(
                1, round(taken * budget.spent(taken))
            ),  # of the largest subnet, for the FLOPs of the run
            seeds=self.seeds if len(self.seeds) > 1 else [0, 1, 2],
            measure=measure,
            floor=class_frequencies(self.data, measure.name),
        )
        tried = ", ".join(f"{steps}: {value:.4f}" for steps, value in found.trail.items())
        told = "the plateau" if found.reached else "NOT the plateau: give recipe.steps"
        if not found.above_floor:
            told = "NO better than a trivial predictor: give recipe.steps"
        return found.steps, (
            f"stand-alone training takes {found.steps} steps ({told}; validation {measure.name} "
            f"by steps {tried}; noise of a run {found.noise:.4f}, two doublings gain {found.left:.4f} at most)"
        )


def measure_of(evaluation: Evaluation) -> Measure:
    """The first measure of the objective.

    Raises:
        ValueError: if nobody said which way it is better.
    """
    name = next(iter(evaluation.calibrated))
    if name not in MEASURES:
        raise ValueError(
            f"standalone=true compares one of {list(MEASURES)}, which tell which way is better, but "
            f"the objective measures {name}."
        )
    return MEASURES[name]
