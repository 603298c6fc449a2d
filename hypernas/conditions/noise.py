"""Noise as a condition: weights that are drawn from a distribution."""

import math
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.conditions.condition import Condition
from hypernas.conditions.draw import Drawn

_NUM_SEEDS = 2**62


class Noise(Condition, Drawn):
    """C normal numbers, another draw for each batch of training; evaluation is at their mean, or at one draw.

    A generator makes of them a distribution over weights, of which `draws` gives members: see Krueger et al., 2017,
    "Bayesian hypernetworks", arXiv 1710.04759. The default mean and deviation leave 95 of 100 numbers in [0, 1], where
    the cos/sin encoding tells them apart.

    Args:
        dim: C.
        mean, deviation: of each number.
        draw: number of the draw that evaluation is at; None for the mean.
        seed: of the draws by number; those of training follow the run's seed.

    Raises:
        ValueError: if there is no number, the deviation is not above 0, or the draw is negative.
    """

    kinds = ("noise",)

    @checked
    def __init__(
        self,
        *,
        dim: int = 8,
        mean: float = 0.5,
        deviation: float = 0.25,
        draw: int | None = None,
        seed: int = 0,
    ) -> None:
        wrong = [] if dim >= 1 else [f"dim: expected 1 or more, got {dim}"]
        if not (deviation > 0 and math.isfinite(deviation) and math.isfinite(mean)):
            wrong.append(
                f"mean and deviation: expected numbers, the deviation above 0, got {mean} and {deviation}"
            )
        if draw is not None and draw < 0:
            wrong.append(f"draw: expected 0 or more, or None for the mean, got {draw}")
        if wrong:
            raise ValueError("noise cannot be drawn:\n  " + "\n  ".join(wrong))
        self.dim, self.mean, self.deviation, self.seed = dim, mean, deviation, seed
        self._at = torch.full((dim,), mean) if draw is None else self.draws(draw + 1)[draw]

    def __call__(self, inputs: Any) -> Tensor:
        return self._at

    def draw(self, inputs: Any, rng: torch.Generator) -> Tensor:
        return self.mean + self.deviation * torch.randn(self.dim, generator=rng)

    def draws(self, num: int) -> Tensor:  # shape: (num, C)
        """The first draws of the seed, always the same ones: `generator.subnet(architecture, noise.draws(9)[8])`."""
        rngs = (
            torch.Generator().manual_seed((self.seed * 1_000_003 + i) % _NUM_SEEDS)
            for i in range(num)
        )
        return torch.stack([self.draw(None, rng) for rng in rngs])

    def rest(self, inputs: Any) -> Any:
        return inputs
