"""Exponential decay."""

from hypernas.schedules.schedule import check_shares
from hypernas.schedules.warmup import Warmup


class Exponential(Warmup):
    """A linear rise, then a decay that halves it again and again, down to a floor.

    Args:
        warmup: share of the steps over which it rises.
        half_life: share of the steps after the rise in which it halves.
        floor: share of the peak below which it does not fall.
    """

    def __init__(
        self, *, warmup: float = 0.1, half_life: float = 0.1, floor: float = 0.001
    ) -> None:
        super().__init__(warmup=warmup)
        check_shares(self, half_life=half_life, floor=floor)
        if not half_life:
            raise ValueError("half_life: expected a share above 0, got 0.")
        self.half_life, self.floor = half_life, floor

    def after(self, step: float, steps: float) -> float:
        return max(self.floor, 0.5 ** (step / (self.half_life * steps)))
