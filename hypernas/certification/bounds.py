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
