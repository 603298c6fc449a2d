"""A subnet: an architecture, resolved once into all that generators and training read of it."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from hypernas.slicing import Slice
from hypernas.space.architecture import Architecture
from hypernas.subnet.target import Target

Derived = TypeVar("Derived")


class Slices(NamedTuple):
    """Places of a subnet inside the largest shapes.

    Attributes:
        weights: by parameter name.
        statistics: by name of a norm's running statistic.
    """

    weights: Mapping[str, Slice]
    statistics: Mapping[str, Slice]


@dataclass(frozen=True, eq=False)
class Subnet:
    """One architecture of a generator, as `Generator.subnet` resolves it.

    Attributes:
        architecture: canonical.
        target: the architecture's module without weights, its buffers on the generator's device.
        slices: where its weights and statistics are; empty where a generator has no largest shapes.
        features: the encoding, shape (D,), each in [0, 1], and behind it the condition: (D + C,).
        condition: shape (C,); None where the generator reads none.
        home: of which generator it is, by that generator's own mark.
    """

    architecture: Architecture
    target: Target
    slices: Slices
    features: Tensor
    home: object
    condition: Tensor | None = None
    _derived: dict[Hashable, Any] = field(default_factory=dict)

    def derived(self, owner: Hashable, make: Callable[[], Derived]) -> Derived:
        """Value that a part of the generator makes of this subnet once, kept as long as the subnet.

        Args:
            owner: the part. What it keeps must not depend on the condition.
        """
        if owner not in self._derived:
            with torch.inference_mode(False):  # training may meet what evaluation remembered
                self._derived[owner] = make()
        return self._derived[owner]

    def under(
        self,
        condition: Tensor,  # shape: (C,)
    ) -> "Subnet":
        """The same subnet with a condition, which gradients reach through the features."""
        condition = condition.to(self.features)
        return replace(self, condition=condition, features=torch.cat([self.features, condition]))
