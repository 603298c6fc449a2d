"""What `hypernas evaluate standalone=true` adds: each subnet trained alone, and the gap."""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from hypernas.cli.run_folder import Parts
from hypernas.cost import flops
from hypernas.evaluation import (
    MEASURES,
    Evaluation,
    Measure,
    Recipe,
    References,
    baselines,
    compare,
    find_plateau,
)
from hypernas.sampling import stratified_subnets
from hypernas.space.architecture import Architecture
from hypernas.studies import Budget


def stratified(parts: Parts, num: int, *, seed: int) -> dict[str, Architecture]:
    """A sample spread over FLOPs."""
    inputs = parts.data.example(num=1)
    return stratified_subnets(
        parts.space, num, cost=lambda a: flops(parts.space.build(a), inputs), seed=seed
    )


class Standalone:
    """Stand-alone training by the recipe of a run, or what `recipe` says instead.

    Args:
        run: the configuration of the run.
        recipe: steps (None to find the plateau, from the FLOPs of the run on), lr (None for the
            run's), seeds.
        calibration_batches: as for the inherited weights.
        folder: of references that were trained before.
    """

    def __init__(
        self,
        parts: Parts,
        run: DictConfig,
        recipe: DictConfig,
        *,
        calibration_batches: int,
        folder: str,
        device: str,
    ) -> None:
        seeds = OmegaConf.to_object(recipe)["seeds"]  # type: ignore[index]
        if not isinstance(seeds, list) or not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(
                f"recipe.seeds must be a list of one seed or more, each once, got {seeds!r}."
            )
        optimizer = OmegaConf.merge(run.optimizer, {} if recipe.lr is None else {"lr": recipe.lr})
        self.seeds, self.steps = seeds, recipe.steps
        self._parts, self._device, self._sampler = parts, device, instantiate(run.sampling)
        self._folder = Path(os.path.expanduser(folder))
        self._recipe = Recipe(
            training=instantiate(run.training),
            objective=parts.objective,
            optimizer=instantiate(optimizer),
            schedule=instantiate(run.schedule),
            calibration_batches=calibration_batches,
        )

    def references(self, steps: int) -> References:
        training = dataclasses.replace(self._recipe.training, steps=steps)
        recipe = dataclasses.replace(self._recipe, training=training)
        return References(
            self._parts.space, self._parts.data, recipe, folder=self._folder, device=self._device
        )

    def find_steps(
        self, subnets: Mapping[str, Architecture], measure: Measure, console: Console
    ) -> int:
        """The steps that were given, or those after which doubling them no longer helps."""
        if self.steps is not None:
            return int(self.steps)
        parts, taken = self._parts, self._recipe.training.steps
        a_step = Budget.of(parts.space, parts.data, self._sampler, reference_steps=taken).step
        some = dict(list(subnets.items())[:: max(1, len(subnets) // 3)][:3])
        found = find_plateau(
            lambda a, seed, steps: self.references(steps)(a, seed=seed)["validation"][measure.name],
            some,
            steps=max(1, round(taken * a_step)),  # of the largest subnet, for the FLOPs of the run
            seeds=self.seeds if len(self.seeds) > 1 else [0, 1],
            measure=measure,
        )
        tried = ", ".join(f"{steps}: {value:.4f}" for steps, value in found.trail.items())
        told = "the plateau" if found.reached else "NOT the plateau: give recipe.steps"
        console.print(
            f"stand-alone training takes {found.steps} steps ({told}; validation {measure.name} "
            f"by steps {tried}; noise of seeds {found.noise:.4f})",
            highlight=False,
            soft_wrap=True,
        )
        return found.steps

    def train(
        self, subnets: Mapping[str, Architecture], *, steps: int, split: str, measure: Measure
    ) -> np.ndarray[Any, Any]:  # shape: (R, N), of R seeds
        """The measure of each subnet with each seed."""
        references = self.references(steps)
        jobs = [(seed, a) for seed in self.seeds for a in subnets.values()]
        values = [
            references(architecture, seed=seed)[split][measure.name]
            for seed, architecture in track(
                jobs,
                description="training subnets alone",
                console=Console(stderr=True),
                disable=not sys.stderr.isatty(),
            )
        ]
        return np.array(values).reshape(len(self.seeds), len(subnets))


def verdict(
    found: Sequence[Evaluation],
    standalone: np.ndarray[Any, Any],  # shape: (R, N)
    measure: Measure,
) -> str:
    """The gap and the ranking in lines, with intervals over subnets."""
    inherited = [evaluation.calibrated[measure.name] for evaluation in found]
    truth = measure.score(standalone.mean(0))
    compared = compare(inherited, standalone, measure=measure)
    costs = {
        "parameter count": [evaluation.num_parameters for evaluation in found],
        "FLOPs": [evaluation.flops for evaluation in found],
    }
    lines = [
        f"{len(found)} subnets, stand-alone {measure.name} the mean of {len(standalone)} seeds; "
        f"95 % intervals over subnets"
    ]
    for name, value in compared.items():
        unit = f" {measure.unit}" if name.endswith(("gap", "regret")) else ""
        lines.append(f"  {name}: {value:.2f}{unit}")
    lines += [f"  Kendall tau-b of {n}: {v:.2f}" for n, v in baselines(costs, truth).items()]
    return "\n".join(lines)


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
