"""Schedules that begin with a rise."""

from abc import abstractmethod

from hypernas.schedules.schedule import Schedule, check_shares


class Warmup(Schedule):
    """A linear rise from 0 to the peak, and then what `after` says.

    Args:
        warmup: share of the steps over which it rises.
    """

    def __init__(self, *, warmup: float) -> None:
        check_shares(self, warmup=warmup)
        self.warmup = warmup

    def __call__(self, step: int, steps: int) -> float:
        rising = self.warmup * steps
        if step <= rising:
            return step / rising
        return self.after(step - rising, steps - rising)

    @abstractmethod
    def after(self, step: float, steps: float) -> float:
        """The factor `step` steps after the rise, of `steps` that follow it; both may be fractions."""
