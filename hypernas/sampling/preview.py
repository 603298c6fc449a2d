"""A look ahead at what a sampler draws."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from hypernas.border import checked
from hypernas.events import Begun, Observer
from hypernas.sampling.contest import Contest
from hypernas.sampling.divided import rows_of
from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import ALL, Rows


@dataclass(frozen=True)
class Draw:
    """An architecture of a step, and the rows of the batch that it reads.

    Attributes:
        trained: False if it is only looked at (see `Contest`).
    """

    architecture: Architecture
    rows: Rows = ALL
    trained: bool = True

    @property
    def share(self) -> float:
        """Of a forward and backward pass over the whole batch, the latter of which costs twice the former."""
        return (1 if self.trained else 1 / 3) / self.rows.parts


@checked
def preview(
    sampler: Sampler, space: SearchSpace, num: int, *, rng: torch.Generator
) -> list[list[Draw]]:
    """The steps of a training of `num` steps, as a copy of the sampler takes them that is told of no loss.

    Where it looks at candidates, all have the same. They stand behind those that are trained.
    """
    return list(_steps(sampler, space, num, lambda i: rng))


@checked
def draws(sampler: Sampler, space: SearchSpace, num: int, *, seed: int) -> Iterator[list[Draw]]:
    """The steps that a training of `num` steps takes with a seed, one after the other.

    They are those very ones, unless the sampler goes by losses: then all are taken to be the same, as in `preview`.
    """
    return _steps(sampler, space, num, lambda i: step_rng(seed, i + 1))


def step_rng(seed: int, step: int) -> torch.Generator:
    """The random state with which the architectures of a training's step are drawn; steps count from 1."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


def _steps(
    sampler: Sampler, space: SearchSpace, num: int, rng_of: Callable[[int], torch.Generator]
) -> Iterator[list[Draw]]:
    shadow = copy.deepcopy(sampler, {id(space): space})
    looked: list[Draw] = []

    def losses(architectures: Sequence[Architecture]) -> list[float]:
        looked.extend(Draw(architecture, trained=False) for architecture in architectures)
        return [0.0] * len(architectures)

    for i in range(num):
        rng = rng_of(i)
        if isinstance(shadow, Observer):
            shadow.see(Begun(i, num))
        contest = isinstance(shadow, Contest)
        architectures = shadow.decide(space, rng, losses) if contest else shadow(space, rng)
        rows = rows_of(shadow, architectures) or [ALL] * len(architectures)
        trained = [Draw(*pair) for pair in zip(architectures, rows, strict=True)]
        yield [*trained, *looked]
        looked.clear()
