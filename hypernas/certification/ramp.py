"""The ramp of the radius over a training."""

from dataclasses import dataclass

_BENT = 0.25  # of the ramp, over which the radius rises by a power
_POWER = 4


@dataclass(frozen=True)
class Ramp:
    """A share of the radius at each step: none, then a bend, then a line, then all of it.

    The bend rises by the fourth power over the first quarter of the ramp, and the line goes on at its slope (the
    smoothed schedule of certified training: Xu et al., 2020, arXiv 2002.12920, and Shi et al., 2021).

    Args:
        wait: share of the steps before the ramp.
        rise: share of the steps that it takes; 0 for a leap.
    """

    wait: float = 1 / 70
    rise: float = 20 / 70

    def __post_init__(self) -> None:
        if self.wait < 0 or self.rise < 0 or self.wait + self.rise > 1:
            raise ValueError(
                f"wait and rise are shares of the steps, together at most 1, got {self.wait} and {self.rise}."
            )

    def __call__(self, step: int, steps: int) -> float:
        """The share of the radius at step 1, 2, ..., `steps`."""
        if step >= (self.wait + self.rise) * steps:
            return 1.0
        place = (step - self.wait * steps) / (self.rise * steps) if self.rise else 1.0
        if place <= 0:
            return 0.0
        slope = _POWER * _BENT ** (_POWER - 1)
        whole = _BENT**_POWER + slope * (1 - _BENT)
        if place <= _BENT:
            return place**_POWER / whole
        return (_BENT**_POWER + slope * (place - _BENT)) / whole
