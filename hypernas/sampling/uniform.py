"""Random architectures."""

import torch

from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


class Uniform(Sampler):
    """Random architectures, each choice uniform: single-path one-shot training and HAT.

    Guo et al., 2020, arXiv 1904.00420; Wang et al., 2020, arXiv 2005.14187.

    Args:
        num: architectures a step.
    """

    def __init__(self, *, num: int = 1) -> None:
        if num < 1:
            raise ValueError(f"num must be 1 or more architectures a step, got {num}.")
        self.num = num

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        return [space.sample(rng) for _ in range(self.num)]
