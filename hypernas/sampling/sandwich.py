"""The sandwich rule."""

import torch

from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


class Sandwich(Sampler):
    """The largest, then random ones, then the smallest: bounds first trained at every step.

    Yu and Huang, 2019, arXiv 1903.05134; two random ones as in BigNAS (Yu et al., 2020, arXiv
    2003.11142), one in Mixture-of-Supernets.

    Args:
        num_random: random architectures between the largest and the smallest.
    """

    def __init__(self, *, num_random: int = 2) -> None:
        if num_random < 0:
            raise ValueError(f"num_random must be 0 or more, got {num_random}.")
        self.num_random = num_random

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        between = [space.sample(rng) for _ in range(self.num_random)]
        return [space.largest(), *between, space.smallest()]
