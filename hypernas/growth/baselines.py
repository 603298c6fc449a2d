"""The baselines that recombination must beat: new blocks as the builder draws them, and all new."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from hypernas.border import checked
from hypernas.generators import Generator, Mixture, shared
from hypernas.growth.growth import Growth, ordinary_network
from hypernas.growth.members import Divided, Members
from hypernas.space import SearchSpace


@checked
@torch.no_grad()
def grow_randomly(
    members: Generator | Sequence[Generator],
    space: SearchSpace,
    *,
    to: Mapping[str, Any] | str = "largest",
    average: Divided = False,
    seed: int = 0,
) -> Mixture:
    """The members' weights where they stand in `grow`, all else as the builder initialises it.

    The result has ordinary weights, no templates; any generators of one architecture can be members.

    Args:
        members, space, to, average: as in `grow`.
        seed: of the builder's draw.

    Raises:
        ValueError: as `grow`, but that members need no templates.
    """
    found = Members(members, space, to)
    grown = found.place(shared(found.target.space, seed=seed))
    own = found.weights()
    divisors = found.divisors(average)
    for name, grid in found.plan.weights.items():
        (weight,) = grown.bank(name)
        kept = [block for block in grid.blocks if block.own]
        if not kept:
            continue
        small = [block.taken(own[block.member][block.name]) for block in grid.blocks]
        mask = [torch.full_like(t, b.own) for t, b in zip(small, grid.blocks, strict=True)]
        inherited = grid.assemble([t * m for t, m in zip(small, mask, strict=True)])
        weight.copy_(torch.where(grid.assemble(mask) > 0, inherited, weight))
        if name in divisors:
            weight.div_(divisors[name])
    grown.statistics(found.target.architecture).fill(found.statistics())
    return grown


class RandomGrowth(Growth):
    """Members of ordinary weights; new blocks are drawn by the builder: see `grow_randomly`.

    Args:
        average: see `grow`.
    """

    def __init__(self, *, average: Divided = False) -> None:
        super().__init__(partial(grow_randomly, average=average))


class Scratch(Growth):
    """The large network with the builder's own initialisation; it uses no members."""

    def __init__(self) -> None:
        super().__init__(_drawn, max_members=0)


def _drawn(
    members: Sequence[Generator], space: SearchSpace, *, to: Mapping[str, Any] | str, seed: int
) -> Generator:
    return ordinary_network(space, architecture=to, seed=seed)
