"""A fixed sample of architectures to judge a generator by."""

import torch

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


@checked
def sample_subnets(space: SearchSpace, num_random: int, *, seed: int) -> dict[str, Architecture]:
    """The smallest, the largest and distinct random architectures, by label.

    Where the space has fewer than `num_random` others, all of those.
    """
    rng = torch.Generator().manual_seed(seed)
    found = {"smallest": space.smallest(), "largest": space.largest()}
    if space.size <= num_random + 2:
        others = [a for a in space.enumerate() if a not in found.values()]
    else:
        distinct: dict[Architecture, None] = {}
        while len(distinct) < num_random:
            candidate = space.sample(rng)
            if candidate not in found.values():
                distinct[candidate] = None
        others = list(distinct)
    return found | {f"random_{i}": architecture for i, architecture in enumerate(others)}
