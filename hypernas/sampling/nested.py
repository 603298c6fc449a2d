"""A family of architectures each of which is a part of the next."""

from collections.abc import Sequence

import torch

from hypernas.border import checked
from hypernas.sampling.divided import Divided
from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture, Value
from hypernas.subnet.cache import Cache
from hypernas.subnet.rows import ALL, Rows, equal_parts


@checked
def nested_family(space: SearchSpace, members: int | None = None) -> list[Architecture]:
    """Architectures from the smallest to the largest, none of which is smaller than one before it in any choice.

    From one to the next one choice takes its next value, that which is least far on its way; `members` of
    this chain are taken at equal distances. Categorical choices have the value of the largest all along. Where a value makes others active,
    these begin at their smallest.

    Args:
        members: the smallest and the largest among them; None, or more than the chain has, for all of it.

    Raises:
        ValueError: for fewer than two members.
    """
    if members is not None and members < 2:
        raise ValueError(f"a family has two members or more, got members={members}.")
    largest = space.largest()
    places = {n: 0 for n, c in space.choices.items() if c.ordered and len(c.values) > 1}

    def member() -> Architecture:
        values: dict[str, Value] = {
            name: choice.values[places[name]]
            if name in places
            else largest.get(name, choice.values[0])
            for name, choice in space.choices.items()
        }
        return space.architecture(values)

    chain = {member(): None}
    while True:
        open_ = [n for n, place in places.items() if place < len(space.choices[n].values) - 1]
        if not open_:
            break
        last = next(reversed(chain))
        active = [name for name in open_ if name in last] or open_
        name = min(active, key=lambda n: places[n] / (len(space.choices[n].values) - 1))
        places[name] += 1
        chain[member()] = None
    found = list(chain)
    num = len(found) if members is None else min(members, len(found))
    return [found[round(i * (len(found) - 1) / max(1, num - 1))] for i in range(num)]


class Nested(Sampler, Divided):
    """Random members of one nested family.

    SortedNet (Valipour et al., 2023, arXiv 2309.00255): members are prefixes of each other in every dimension, so that the
    largest that fits a budget needs no search (`hypernas.search.LargestThatFits` of such a family). There, gradients of members
    are accumulated over parts of a batch, and a step costs one pass over it whatever the number of members: that is
    `num` > 1 with `divide`. No code of it is public: which chain of architectures makes up the family is ours (`nested_family`).

    Args:
        members: of the family; None for as many as choices have values to grow by.
        num: members a step, each drawn uniformly; None for every member at every step, as in its form for fine-tuning (Kavehzadeh et al., 2023,
            arXiv 2309.08968).
        divide: True gives each its own part of the batch.
    """

    def __init__(
        self, *, members: int | None = 8, num: int | None = 1, divide: bool = False
    ) -> None:
        if (members is not None and members < 2) or (num is not None and num < 1):
            raise ValueError(
                f"members must be 2 or more and num 1 or more, or null, got members={members}, num={num}."
            )
        self.members, self.num, self.divide = members, num, divide
        self._families: Cache[list[Architecture]] = Cache(1)

    def family(self, space: SearchSpace) -> list[Architecture]:
        """The members, from the smallest to the largest."""
        return self._families.get(space, lambda: nested_family(space, self.members))

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        family = self.family(space)
        if self.num is None:
            return family[::-1]  # the largest first, which may teach
        drawn = torch.randint(len(family), (self.num,), generator=rng)
        return [family[i] for i in drawn.tolist()]

    def rows(self, architectures: Sequence[Architecture]) -> list[Rows]:
        num = len(architectures)
        return equal_parts(num) if self.divide else [ALL] * num
