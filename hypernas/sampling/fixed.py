"""The same architectures at every step."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


class Fixed(Sampler):
    """The given architectures, all of them every step: ordinary training when there is one.

    Args:
        architectures: each a mapping, or "largest" or "smallest".
    """

    def __init__(self, *, architectures: Sequence[Mapping[str, Any] | str] = ("largest",)) -> None:
        if isinstance(architectures, str) or not architectures:
            raise ValueError(f"architectures must be a list of one or more, got {architectures!r}.")
        self.architectures = list(architectures)

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        return [space.named(architecture) for architecture in self.architectures]
