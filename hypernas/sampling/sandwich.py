"""The sandwich rule."""

import torch

from hypernas.sampling.sampler import Sampler
from hypernas.sampling.uniform import Over, checked, drawn
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


class Sandwich(Sampler):
    """The largest, then random ones, then the smallest: bounds first trained at every step.

    Yu and Huang, 2019, arXiv 1903.05134; two random ones as in BigNAS (Yu et al., 2020, arXiv
    2003.11142), one in Mixture-of-Supernets.

    Args:
        num_random: random architectures between the largest and the smallest.
        over: see `hypernas.sampling.uniform.drawn`.
    """

    def __init__(self, *, num_random: int = 2, over: Over = "choices") -> None:
        if num_random < 0:
            raise ValueError(f"num_random must be 0 or more, got {num_random}.")
        self.num_random = num_random
        self.over: Over = checked(over)

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        between = [drawn(space, rng, self.over) for _ in range(self.num_random)]
        return [space.largest(), *between, space.smallest()]
