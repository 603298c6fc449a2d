"""Draws of the user's own initialisation, and the sizes that they show."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from hypernas.subnet.supernet import Supernet


class Starts:
    """Draws of every parameter of the largest shapes, for banks that must start like the builder.

    Args:
        supernet: the largest shapes.
        num: how many draws; two are made at least.
        seed: of all; the first draw is that of `PerParameterBank`.

    Attributes:
        draws: parameter name -> tensor of its largest shape, `num` times.
    """

    def __init__(self, supernet: Supernet, *, num: int = 2, seed: int) -> None:
        self.draws = [supernet.draw(seed, k) for k in range(max(num, 2))]

    def random(self, names: Iterable[str]) -> list[str]:
        """Those that the builder draws; it sets the others to constants (norm scales, say)."""
        first, second = self.draws[:2]
        return [name for name in names if not torch.equal(first[name], second[name])]

    def rms(self, name: str) -> float:
        """The root mean square of a parameter's entries over all draws."""
        return _rms(torch.stack([draw[name] for draw in self.draws]))

    def ratio(self, name: str, other: str) -> float:
        """Ratio of the sizes at which the builder makes one parameter and another of equal shape.

        1 where the draws do not tell their sizes apart, by four standard errors of normal entries.
        """
        found = self.rms(name) / self.rms(other)
        error = 1 / math.sqrt(len(self.draws) * self.draws[0][name].numel())
        return 1.0 if abs(found - 1) < 4 * error else found

    def scale(self, name: str, entry: Tensor) -> float:
        """The factor that makes `entry` as large as the builder makes the parameter."""
        return self.rms(name) / _rms(entry)


def _rms(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean().sqrt())
