"""Worth of inherited weights: a subnet trained on from them, beside the same trained alone."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats

from hypernas.cost import num_parameters
from hypernas.data import Data
from hypernas.evaluation.gap import MEASURES
from hypernas.evaluation.recipe import Recipe
from hypernas.evaluation.subnet_training import Measures, measures_of, train_subnet
from hypernas.generators import Generator, Standalone
from hypernas.space.architecture import Architecture

SPLITS = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class Inheritance:
    """Measures of one subnet: as it was inherited, and after the same steps from there and from scratch.

    Attributes:
        steps: of each training, of the same module and batches, so of equal FLOPs.
        inherited: with calibrated norms, before.
        finetuned, alone: of each seed.
        networks: the fine-tuned subnets, of each seed.
    """

    architecture: Architecture
    num_parameters: int
    steps: int
    seeds: tuple[int, ...]
    inherited: Measures
    finetuned: tuple[Measures, ...]
    alone: tuple[Measures, ...]
    networks: tuple[Standalone, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each network, for a table."""
        arms = [("inherited", None, 0, self.inherited)]
        arms += [
            ("finetuned", s, self.steps, m) for s, m in zip(self.seeds, self.finetuned, strict=True)
        ]
        arms += [("alone", s, self.steps, m) for s, m in zip(self.seeds, self.alone, strict=True)]
        return [
            {
                "arm": arm,
                "seed": "" if seed is None else seed,
                "steps": steps,
                "parameters": self.num_parameters,
                **{f"{split}_{n}": v for split in SPLITS for n, v in measures[split].items()},
                "architecture": self.architecture.to_json(),
            }
            for arm, seed, steps, measures in arms
        ]

    def text(self) -> str:
        """The first measure in lines, with intervals over seeds."""
        name = next(iter(self.inherited["test"]))
        known = MEASURES.get(name)
        scale, unit = (known.scale, known.unit) if known else (1.0, "")
        lines = [
            f"{self.num_parameters:,} parameters; {len(self.seeds)} seeds of {self.steps} steps each, "
            f"equal FLOPs; 95 % intervals over seeds"
        ]
        for split in SPLITS:
            ours, alone = (
                np.array([measures[split][name] for measures in arm])
                for arm in (self.finetuned, self.alone)
            )
            worth = (alone - ours if known and known.lower_is_better else ours - alone) * scale
            lines += [
                f"{split} {name}",
                f"  inherited, no training  {self.inherited[split][name]:.4f}",
                f"  trained on from there   {_interval(ours, 4)}",
                f"  trained alone           {_interval(alone, 4)}",
                f"  inheriting was worth    {_interval(worth, 2)} {unit}".rstrip(),
            ]
        return "\n".join(lines)


def inheritance(
    generator: Generator,
    data: Data,
    recipe: Recipe,
    architecture: Architecture,
    *,
    alone: Recipe,
    seeds: Sequence[int],
    device: str | torch.device = "auto",
    track: Callable[[Sequence[Any]], Any] = iter,
) -> Inheritance:
    """Train a subnet on from the weights that a generator writes, and beside it the same module alone.

    The two have the steps, the batch size and, for each seed, the batches in common; the learning rates may
    differ.

    Args:
        recipe: of training on.
        alone: of training alone; its number of steps is that of `recipe`.
        seeds: of batches and of the fresh module.
        track: passes the trainings through, and may show progress.

    Raises:
        ValueError: if the generator reads a condition, which a plain module does not; or the data have no
            validation split.
    """
    data.check_validation()
    if generator.condition_dim:
        raise ValueError(
            f"this generator reads {generator.condition_dim} numbers beside the architecture, and a plain "
            f"module is of one condition: export it with condition=[...], and train the file's module on."
        )
    training = dataclasses.replace(alone.training, steps=recipe.training.steps)
    alone = dataclasses.replace(alone, training=training)
    batches = data.calibration(recipe.calibration_batches, device=generator.device)
    statistics = generator.calibrate(architecture, batches)
    module = generator.export(architecture, statistics=statistics)
    found: dict[str, list[tuple[Standalone, Measures]]] = {"finetuned": [], "alone": []}
    for arm, seed in track([(arm, seed) for seed in seeds for arm in found]):
        own = recipe if arm == "finetuned" else alone
        start = module.state_dict() if arm == "finetuned" else None
        network = train_subnet(
            generator.space, data, own, architecture, seed=seed, start=start, device=device
        )
        found[arm].append((network, measures_of(network, data, own, architecture)))
    return Inheritance(
        architecture=architecture,
        num_parameters=num_parameters(module),
        steps=recipe.training.steps,
        seeds=tuple(seeds),
        inherited=measures_of(generator, data, recipe, architecture),
        finetuned=tuple(measures for _, measures in found["finetuned"]),
        alone=tuple(measures for _, measures in found["alone"]),
        networks=tuple(network for network, _ in found["finetuned"]),
    )


def _interval(values: np.ndarray, digits: int) -> str:
    """The mean over seeds and its interval by Student's t; the mean alone for one seed."""
    mean = f"{values.mean():.{digits}f}"
    if len(values) < 2:
        return mean
    around = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{mean} [{values.mean() - around:.{digits}f}, {values.mean() + around:.{digits}f}]"
