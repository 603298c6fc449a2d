"""Training of one subnet with weights of its own."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hypernas.data import Data
from hypernas.evaluation.recipe import Recipe
from hypernas.evaluation.subnets import evaluate
from hypernas.generators import Generator, Standalone
from hypernas.sampling import Fixed
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.training import Strategy, Task

Measures = dict[str, dict[str, float]]  # split -> measure -> value


def train_subnet(
    space: SearchSpace,
    data: Data,
    recipe: Recipe,
    architecture: Architecture,
    *,
    seed: int,
    start: Mapping[str, Tensor] | None = None,
    device: str | torch.device = "auto",
) -> Standalone:
    """Train one architecture alone.

    Args:
        seed: of the initialisation, the batches and dropout.
        start: the state dict of its plain module, from which training goes on; None for a fresh one.

    Returns:
        A generator that holds its weights.
    """
    generator = Standalone(space, seed=seed)
    if start is not None:
        generator.train()(architecture)  # which brings its module to life
        generator.subnets[0].load_state_dict(dict(start))
    strategy = Strategy(
        sampler=Fixed(architectures=[architecture]),
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        seed=seed,
    )
    recipe.training.run(generator, Task(data, recipe.objective), strategy, device=device)
    return generator


def measures_of(
    generator: Generator, data: Data, recipe: Recipe, architecture: Architecture
) -> Measures:
    """The calibrated measures of a subnet on validation and test."""
    found: Measures = {}
    for split in ("validation", "test"):
        (evaluation,) = evaluate(
            generator,
            data,
            {"subnet": architecture},
            objective=recipe.objective,
            split=split,
            calibration_batches=recipe.calibration_batches,
        )
        found[split] = evaluation.calibrated
    return found
