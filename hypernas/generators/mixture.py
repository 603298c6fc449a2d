"""The generator that is one equation: a bank, coefficients of the architecture, and slices."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from hypernas.cache import Cache
from hypernas.encoding import Encoding
from hypernas.envelope import Envelope, Subnet
from hypernas.generators.banks import Bank
from hypernas.generators.coefficients import CoefficientSource
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.statistics import SharedStatistics
from hypernas.mixing import PLAIN, Coefficients, mix
from hypernas.slicing import Slice


class Mixture(Generator):
    """W_p(a) = Σ_k c_pk(a) B_pk [ I_p(a) ], for every parameter p of an architecture a.

    Args:
        envelope: the space's largest shapes.
        bank: parameter name -> B, shape (K, *largest).
        source: features of the architecture -> c.
        coefficient_lr_scale: learning rate of the source's parameters, relative to the bank's.
    """

    def __init__(
        self,
        envelope: Envelope,
        *,
        bank: Bank,
        source: CoefficientSource,
        coefficient_lr_scale: float = 1.0,
    ) -> None:
        super().__init__(envelope.space)
        self.bank = bank
        self.source = source
        self.coefficient_lr_scale = coefficient_lr_scale
        self._envelope = envelope
        self._encoding = Encoding(envelope.space)
        self._features = Cache(1024)
        self._statistics = SharedStatistics(envelope)

    def forward(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        coefficients = self.coefficients(architecture)
        return {
            name: mix(self.bank(name), coefficients.get(name, PLAIN), where)
            for name, where in self._subnet(architecture).slices.items()
        }

    def coefficients(self, architecture: Mapping[str, Any]) -> dict[str, Coefficients]:
        return self.source(self.features(architecture))

    def features(self, architecture: Mapping[str, Any]) -> Tensor:  # shape: (D,), each in [0, 1]
        """The encoding of an architecture, on our device and dtype."""
        architecture = self.space.architecture(architecture)
        key = (architecture, self._like.device, self._like.dtype)
        return self._features.get(key, lambda: self._encoding(architecture).to(self._like))

    def slices(self, architecture: Mapping[str, Any]) -> dict[str, Slice]:
        """Parameter name -> where the subnet's weight sits in the largest shape."""
        return self._subnet(architecture).slices

    def _subnet(self, architecture: Mapping[str, Any]) -> Subnet:
        return self._envelope.subnet(architecture, self.skeleton)

    def statistics(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        """Slices, as views, of running statistics shared by all subnets."""
        return self._statistics(self._subnet(architecture).statistics)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The bank's, and one of whatever writes coefficients, which does not decay."""
        own = list(self.source.parameters())
        scale = self.coefficient_lr_scale
        groups = self.bank.parameter_groups()
        groups.append(ParameterGroup("coefficients", own, decay=False, lr_scale=scale))
        return [group for group in groups if group.parameters]

    def assignment(self) -> dict[str, str]:
        return {name: self.source.words(name) or "shared" for name in self._envelope.shapes}
