"""Architectures of a step that train every value equally often."""

from collections.abc import Sequence

import torch

from hypernas.sampling.sampler import Sampler
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture, Value


class StrictFairness(Sampler):
    """As many architectures as the largest choice has values, together with each value of each choice equally often.

    FairNAS (Chu et al., 2019, arXiv 1907.01845): a random permutation of the values of each choice, of which the j-th
    architecture takes the j-th; all of them before one step of the optimizer (there with training.combine=sum). There all
    choices have as many values. Ours may have fewer: those of a choice are repeated, each ⌊M / V⌋ or ⌈M / V⌉ times, who
    is repeated more often being drawn anew at each step. A choice that is not active in an architecture leaves its
    value untrained there, so that values under conditions are trained equally often on average only where the
    conditions are.
    """

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        num = max((len(choice.values) for choice in space.choices.values()), default=1)
        columns = {
            name: _repeated(choice.values, num, rng) for name, choice in space.choices.items()
        }
        rows = [{name: column[i] for name, column in columns.items()} for i in range(num)]
        return [space.architecture(row) for row in rows]


def _repeated(values: Sequence[Value], num: int, rng: torch.Generator) -> list[Value]:
    """All values equally often, or one time more, in random order."""
    whole, rest = divmod(num, len(values))
    more = torch.randperm(len(values), generator=rng)[:rest].tolist()
    every = [*values] * whole + [values[i] for i in more]
    return [every[i] for i in torch.randperm(num, generator=rng).tolist()]
