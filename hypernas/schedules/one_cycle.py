"""One cycle up and down."""

import math

from hypernas.schedules.schedule import Schedule, check_shares


class OneCycle(Schedule):
    """Up along half a cosine, and down along another far below where it began.

    Smith and Topin, 2018, arXiv 1708.07120, as `torch.optim.lr_scheduler.OneCycleLR` has it; momentum
    is left as it is.

    Args:
        rise: share of the steps over which it rises.
        initial: share of the peak at the first step.
        final: share of the peak at the last step.
    """

    def __init__(self, *, rise: float = 0.3, initial: float = 0.04, final: float = 4e-6) -> None:
        check_shares(self, rise=rise, initial=initial, final=final)
        self.rise, self.initial, self.final = rise, initial, final

    def __call__(self, step: int, steps: int) -> float:
        top = self.rise * steps  # number of the step of the peak, which may be a fraction
        if step <= top and top > 1:
            return _between(self.initial, 1.0, (step - 1) / (top - 1))
        top = max(top, 1.0)
        return _between(1.0, self.final, (step - top) / (steps - top) if steps > top else 0.0)


def _between(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * progress))
