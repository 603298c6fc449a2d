"""Random architectures."""

from collections.abc import Sequence
from typing import Any, Literal

import torch

from hypernas.sampling.divided import Divided
from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import ALL, Rows, equal_parts

Over = Literal["choices", "architectures"]


class Uniform(Sampler, Divided):
    """Random architectures: single-path one-shot training and HAT.

    Guo et al., 2020, arXiv 1904.00420; Wang et al., 2020, arXiv 2005.14187.

    Args:
        num: architectures a step.
        over: see `drawn`.
        divide: True gives each its own part of the batch, so that a step costs one pass over it however many
            they are: with as many as examples, each example has an architecture of its own.
    """

    def __init__(self, *, num: int = 1, over: Over = "choices", divide: bool = False) -> None:
        if num < 1:
            raise ValueError(f"num must be 1 or more architectures a step, got {num}.")
        self.num = num
        self.over: Over = checked(over)
        self.divide = divide

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        return [drawn(space, rng, self.over) for _ in range(self.num)]

    def rows(self, architectures: Sequence[Architecture]) -> list[Rows]:
        return equal_parts(len(architectures)) if self.divide else [ALL] * len(architectures)


def drawn(space: SearchSpace, rng: Any, over: Over) -> Architecture:
    """A random architecture, uniform over what is said.

    Over "choices" it is drawn choice by choice, each when active uniform over its values, as published
    methods do; where choices have conditions, architectures with few active choices are trained more
    often then. Over "architectures", all are as likely. Without conditions the two are one.
    """
    return space.sample(rng) if over == "architectures" else space.sample_choices(rng)


def checked(over: Over) -> Over:
    """The same word.

    Raises:
        ValueError: for any other.
    """
    if over not in ("choices", "architectures"):
        raise ValueError(f"over must be 'choices' or 'architectures', got {over!r}.")
    return over
