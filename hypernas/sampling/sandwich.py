"""The sandwich rule."""

from collections.abc import Sequence

import torch

from hypernas.sampling.divided import Divided
from hypernas.sampling.sampler import Sampler
from hypernas.sampling.uniform import Over, checked, drawn
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import ALL, Rows, equal_parts


class Sandwich(Sampler, Divided):
    """The largest, then random ones, then the smallest: bounds first trained at every step.

    Yu and Huang, 2019, arXiv 1903.05134; two random ones as in BigNAS (Yu et al., 2020, arXiv
    2003.11142), one in Mixture-of-Supernets.

    Args:
        num_random: random architectures between the largest and the smallest.
        over: see `hypernas.sampling.uniform.drawn`.
        divide: True gives each random one its own part of the batch, the two bounds all of it. With as many random
            ones as examples, each example has its own, as in AOWS (Berman et al., 2020, arXiv 2006.09876, section 3).
    """

    def __init__(
        self, *, num_random: int = 2, over: Over = "choices", divide: bool = False
    ) -> None:
        if num_random < 0:
            raise ValueError(f"num_random must be 0 or more, got {num_random}.")
        self.num_random = num_random
        self.over: Over = checked(over)
        self.divide = divide

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        between = [drawn(space, rng, self.over) for _ in range(self.num_random)]
        return [space.largest(), *between, space.smallest()]

    def rows(self, architectures: Sequence[Architecture]) -> list[Rows]:
        num = len(architectures) - 2
        return [ALL, *(equal_parts(num) if self.divide else [ALL] * num), ALL]
