"""The generator that is one equation: a bank, coefficients of the architecture, and slices."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from hypernas.cache import Cache
from hypernas.encoding import Encoding
from hypernas.envelope import Envelope, Subnet
from hypernas.generators.banks import Bank
from hypernas.generators.coefficients import CoefficientSource
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.slicers import Plain, Slicer
from hypernas.generators.statistics import SharedStatistics
from hypernas.mixing import PLAIN, Coefficients, mix
from hypernas.slicing import Slice


class Mixture(Generator):
    """W_p(a) = Σ_k c_pk(a) B_pk [ I_p(a) ], for every parameter p of an architecture a.

    Args:
        envelope: the space's largest shapes.
        bank: parameter name -> B, shape (K, *largest).
        source: features of the architecture -> c.
        slicer: where in the bank a subnet's weights are, and what is made of them.
        coefficient_lr_scale: learning rate of the source's parameters, relative to the bank's.
    """

    def __init__(
        self,
        envelope: Envelope,
        *,
        bank: Bank,
        source: CoefficientSource,
        slicer: Slicer | None = None,
        coefficient_lr_scale: float = 1.0,
    ) -> None:
        super().__init__(envelope.space)
        self.bank = bank
        self.source = source
        self.slicer = Plain() if slicer is None else slicer
        self.coefficient_lr_scale = coefficient_lr_scale
        self._envelope = envelope
        self._encoding = Encoding(envelope.space)
        self._features = Cache(1024)
        self._statistics = SharedStatistics(envelope)

    def forward(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        subnet = self._subnet(architecture)
        coefficients = self.coefficients(subnet.architecture)
        weights = {
            name: mix(self.bank(name), coefficients.get(name, PLAIN), where)
            for name, where in self.slicer.locate(subnet).slices.items()
        }
        return self.slicer(weights, subnet)

    def coefficients(self, architecture: Mapping[str, Any]) -> dict[str, Coefficients]:
        return self.source(self.features(architecture))

    def features(self, architecture: Mapping[str, Any]) -> Tensor:  # shape: (D,), each in [0, 1]
        """The encoding of an architecture, on our device and dtype."""
        architecture = self.space.architecture(architecture)
        key = (architecture, self._like.device, self._like.dtype)
        return self._features.get(key, lambda: self._encoding(architecture).to(self._like))

    def slices(self, architecture: Mapping[str, Any]) -> dict[str, Slice]:
        """Parameter name -> where the subnet's weight is read from the largest shape."""
        return self.slicer.locate(self._subnet(architecture)).slices

    def _subnet(self, architecture: Mapping[str, Any]) -> Subnet:
        return self._envelope.subnet(architecture, self.skeleton)

    def statistics(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        """Slices of running statistics shared by all subnets: views, wherever they can be."""
        return self._statistics(self.slicer.locate(self._subnet(architecture)).statistics)

    def update_statistics(
        self, architecture: Mapping[str, Any], statistics: Mapping[str, Tensor]
    ) -> None:
        located = self.slicer.locate(self._subnet(architecture))
        self._statistics.update(located.statistics, statistics)

    def settle(
        self,
        architecture: Mapping[str, Any],
        *inputs: Any,
        loss: Callable[[Any], Tensor],
        rng: torch.Generator,
    ) -> None:
        """Let the slicer decide what is free in it for an architecture: see `Slicer.settle`.

        Args:
            inputs: of the subnet.
            loss: outputs -> what is to be small. Neither gradients nor statistics are touched.
            rng: of the candidates, on the CPU.
        """

        @torch.no_grad()
        def measure() -> float:
            statistics = {n: s.clone() for n, s in self.statistics(architecture).items()}
            return float(loss(self.call(architecture, *inputs, statistics=statistics)))

        self.slicer.settle(self._subnet(architecture), measure, rng)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The bank's, and those of the slicer and of whatever writes coefficients, undecayed."""
        own = list(self.source.parameters())
        scale = self.coefficient_lr_scale
        groups = self.bank.parameter_groups()
        groups.append(ParameterGroup("slicing", list(self.slicer.parameters()), decay=False))
        groups.append(ParameterGroup("coefficients", own, decay=False, lr_scale=scale))
        return [group for group in groups if group.parameters]

    def assignment(self) -> dict[str, str]:
        return {
            name: ", ".join(
                filter(None, [self.source.words(name) or "shared", self.slicer.words(name)])
            )
            for name in self._envelope.shapes
        }
