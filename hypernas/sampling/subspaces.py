"""Sandwiches within a part of the space."""

import torch

from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.cache import Cache
from hypernas.subnet.sizes import SizeParts


class Subspaces(Sampler):
    """The largest, random ones and the smallest of one part of the space by size, a random part each step.

    AutoDistil (Xu et al., 2022, arXiv 2201.12507): sandwiches within each of K sub-spaces, which have a supernet each
    (`generators.few_shot` with grouping=size and as many groups divides the space at the same bounds). There the K are trained one after the other, each on all
    data, with sub-spaces written down by hand; here a run trains all of them, and K times the steps are as much.

    Args:
        num: K.
        num_random: random architectures between the largest and the smallest.
    """

    def __init__(self, *, num: int = 3, num_random: int = 2) -> None:
        if num < 1 or num_random < 0:
            raise ValueError(
                f"num must be 1 or more and num_random 0 or more, got {num} and {num_random}."
            )
        self.num, self.num_random = num, num_random
        self._parts: Cache[SizeParts] = Cache(1)

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        parts = self._parts.get(space, lambda: SizeParts(space, self.num))
        members = parts.members[int(torch.randint(self.num, (), generator=rng))]
        between = torch.randint(len(members), (self.num_random,), generator=rng).tolist()
        return [members[-1], *(members[i] for i in between), members[0]]
