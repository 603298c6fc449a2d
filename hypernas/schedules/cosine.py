"""Decay along a cosine."""

import math

from hypernas.schedules.schedule import check_shares
from hypernas.schedules.warmup import Warmup


class Cosine(Warmup):
    """A linear rise, then a fall along half a cosine (Loshchilov and Hutter, 2017, arXiv 1608.03983).

    Args:
        warmup: share of the steps over which it rises.
        final: share of the peak at the end.
    """

    def __init__(self, *, warmup: float = 0.1, final: float = 0.0) -> None:
        super().__init__(warmup=warmup)
        check_shares(self, final=final)
        self.final = final

    def after(self, step: float, steps: float) -> float:
        progress = step / (steps + 1)  # the last step still moves
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
