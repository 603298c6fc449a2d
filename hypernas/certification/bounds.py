"""Bounds of a tensor."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Bounds(NamedTuple):
    """A tensor, and what its entries are at least and at most, all of one shape.

    Attributes:
        value: what is computed of the inputs themselves.
        lower, upper: what is, at least and at most, computed of any input in a box around them.
    """

    value: Tensor
    lower: Tensor
    upper: Tensor

    @property
    def center(self) -> Tensor:
        """The middle of the box."""
        return (self.lower + self.upper) / 2

    @property
    def radius(self) -> Tensor:
        """Half of the box's extent, 0 or more."""
        return (self.upper - self.lower) / 2

    def each(self, function: Callable[[Tensor], Tensor]) -> "Bounds":
        """The bounds of a function that never falls, entry by entry or of which entries only move."""
        return Bounds(*(function(one) for one in self))

    @staticmethod
    def around(value: Tensor, center: Tensor, radius: Tensor) -> "Bounds":
        """The bounds of a center and a radius."""
        return Bounds(value, center - radius, center + radius)


def box(
    inputs: Tensor, radius: float, *, low: float | None = None, high: float | None = None
) -> tuple[Tensor, Tensor]:
    """The least and the greatest input that differs from these by at most `radius` in each entry.

    Args:
        low, high: between which all inputs are, and so the box; None for no limit.

    Raises:
        ValueError: if the radius is below 0, or limits leave inputs out: then the box would hold nothing.
    """
    if radius < 0 or (low is not None and high is not None and low >= high):
        raise ValueError(
            f"a box needs a radius of 0 or more and low below high, got {radius}, {low} and {high}."
        )
    if inputs.numel():
        least, greatest = float(inputs.min()), float(inputs.max())
        if (low is not None and least < low) or (high is not None and greatest > high):
            raise ValueError(
                f"inputs reach from {least:.4g} to {greatest:.4g}, beyond low={low} or high={high}: give the limits of the "
                f"inputs as the network gets them, scaled or not, or None for no limit."
            )
    lower, upper = inputs - radius, inputs + radius
    return (
        lower if low is None else lower.clamp(min=low),
        upper if high is None else upper.clamp(max=high),
    )
