"""Sandwiches between whose bounds the best, or the worst, of some candidates are trained."""

from collections.abc import Sequence

import torch

from hypernas.sampling.contest import Contest, Losses
from hypernas.sampling.costs import Cost, Costs
from hypernas.sampling.sampler import Sampler
from hypernas.sampling.uniform import Over, checked, drawn
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture

_TRIES = 200  # draws for the rivals of a candidate


class Attentive(Sampler, Contest):
    """The largest, winners of contests among random ones of about one cost, the smallest.

    AttentiveNAS (Wang et al., 2021, arXiv 2011.09011): candidates of one cost are run on the batch, and that of the lowest
    loss is trained (best-up, which moves the front), or that of the highest (worst-up). There a target is drawn from a
    table of costs that was made before; here it is the cost of a random architecture, and its rivals are drawn until
    they fall into the same bin.

    Args:
        best: True for best-up, False for worst-up.
        candidates: of each contest.
        num_random: contests of a step.
        bins: of equal width, from the cost of the smallest to that of the largest.
        cost: of an architecture; None for its number of parameters.
        over: see `hypernas.sampling.uniform.drawn`.
    """

    def __init__(
        self,
        *,
        best: bool = True,
        candidates: int = 3,
        num_random: int = 2,
        bins: int = 10,
        cost: Cost | None = None,
        over: Over = "choices",
    ) -> None:
        if min(candidates, num_random, bins) < 1:
            raise ValueError(
                f"candidates, num_random and bins must be 1 or more, got {candidates}, {num_random}, {bins}."
            )
        self.best, self.candidates, self.num_random = best, candidates, num_random
        self.bins = bins
        self.over: Over = checked(over)
        self._costs = Costs(cost)

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        return self.decide(space, rng, lambda some: [0.0] * len(some))

    def decide(
        self, space: SearchSpace, rng: torch.Generator, losses: Losses
    ) -> list[Architecture]:
        fields = [self._candidates(space, rng) for _ in range(self.num_random)]
        winners = [self._winner(field, losses) for field in fields]
        return [space.largest(), *winners, space.smallest()]

    def _winner(self, field: Sequence[Architecture], losses: Losses) -> Architecture:
        if len(field) == 1:
            return field[0]
        found = list(losses(field))
        return field[found.index(min(found) if self.best else max(found))]

    def _candidates(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        """Different architectures of one bin; fewer where it seems to have no more."""
        found = {drawn(space, rng, self.over): None}
        (first,) = found
        own = self._costs.bin(space, first, self.bins)
        for _ in range(_TRIES):
            if len(found) == self.candidates:
                break
            rival = drawn(space, rng, self.over)
            if self._costs.bin(space, rival, self.bins) == own:
                found[rival] = None
        return list(found)
