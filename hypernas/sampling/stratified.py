"""A fixed sample of architectures, spread evenly over their cost."""

import itertools
from collections.abc import Callable

import torch

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


@checked
def stratified_subnets(
    space: SearchSpace,
    num: int,
    *,
    cost: Callable[[Architecture], float],
    seed: int,
    pool: int = 200,
) -> dict[str, Architecture]:
    """`num` distinct architectures by label, one from each of `num` equal parts of a random pool.

    The pool is ordered by cost, so the sample has small, middling and large ones alike, cheapest
    first; where costs are equal, by chance. Where the space has fewer than `pool`, the pool is all
    of it.

    Args:
        cost: for example the FLOPs of the subnet.

    Raises:
        ValueError: if the space has fewer than `num` architectures.
    """
    if not 0 < num <= space.size:
        raise ValueError(
            f"a sample needs 1 to {space.size:,} subnets, as many as the space has, got {num}."
        )
    rng = torch.Generator().manual_seed(seed)
    pool = max(pool, num)
    if space.size <= pool:
        drawn = list(space.enumerate())
    else:
        distinct: dict[Architecture, None] = {}
        while len(distinct) < pool:
            distinct[space.sample(rng)] = None
        drawn = list(distinct)
    shuffled = [drawn[i] for i in torch.randperm(len(drawn), generator=rng)]
    ordered = sorted(shuffled, key=cost)
    bounds = [round(i * len(ordered) / num) for i in range(num + 1)]
    picked = []
    for low, high in itertools.pairwise(bounds):
        picked.append(ordered[low + int(torch.randint(high - low, (), generator=rng))])
    return {f"stratum_{i}": architecture for i, architecture in enumerate(picked)}
