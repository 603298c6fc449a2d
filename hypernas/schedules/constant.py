"""No decay."""

from hypernas.schedules.warmup import Warmup


class Constant(Warmup):
    """The peak, from the first step on or after a linear rise.

    Args:
        warmup: share of the steps over which it rises.
    """

    def __init__(self, *, warmup: float = 0.0) -> None:
        super().__init__(warmup=warmup)

    def after(self, step: float, steps: float) -> float:
        return 1.0
