"""A look ahead at what a sampler draws."""

import copy
from dataclasses import dataclass

import torch

from hypernas.events import Begun, Observer
from hypernas.sampling.divided import rows_of
from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import ALL, Rows


@dataclass(frozen=True)
class Draw:
    """An architecture of a step, and the rows of the batch that it reads."""

    architecture: Architecture
    rows: Rows

    @property
    def share(self) -> float:
        """Of the batch, that it reads."""
        return 1 / self.rows.parts


def preview(
    sampler: Sampler, space: SearchSpace, num: int, *, rng: torch.Generator
) -> list[list[Draw]]:
    """The steps of a training of `num` steps, as a copy of the sampler takes them that is told of no loss."""
    shadow = copy.deepcopy(sampler, {id(space): space})
    steps = []
    for i in range(num):
        if isinstance(shadow, Observer):
            shadow.see(Begun(i, num))
        architectures = shadow(space, rng)
        rows = rows_of(shadow, architectures) or [ALL] * len(architectures)
        steps.append([Draw(*pair) for pair in zip(architectures, rows, strict=True)])
    return steps
