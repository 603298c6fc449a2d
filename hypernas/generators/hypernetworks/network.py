"""Networks that write every weight at once."""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.generators.hidden_layers import hidden_units, linear
from hypernas.generators.taxonomy import Taxonomy

GAIN = math.sqrt(2 / (1 + 0.01**2))  # of a leaky ReLU of slope 0.01


class WeightNetwork(nn.Module, ABC):
    """The input of an architecture -> all weights of the largest shapes, one after the other.

    Attributes:
        taxonomy: what kind of hypernetwork it is, conditions left out, which it need not know of.
    """

    taxonomy: Taxonomy

    @abstractmethod
    def forward(
        self,
        inputs: Tensor,  # shape: (E,)
    ) -> Tensor:  # shape: (N,), N weights in all
        """The weights, in the order of `Supernet.shapes`, each flattened."""

    @abstractmethod
    def words(self) -> str:
        """The kind of network, in words."""


class DenseNetwork(WeightNetwork):
    """Linear and leaky ReLU (slope 0.01) for each hidden layer, then one linear layer without bias.

    Hidden layers start Kaiming-normal by their outputs, with biases of zero, which keeps the norm of
    the input on its way (in the mean over draws). So the rows of the last layer that write one
    parameter, normal of some deviation, give weights of that deviation times the input's norm
    (Ortiz et al., 2023, arXiv 2304.07645, and the initialisation of its published code).

    Args:
        input_dim: E.
        hidden_dims: widths of the hidden layers.
        sizes: parameter name -> number of its weights.
        deviations: parameter name -> standard deviation of its rows in the last layer.
        rng: of the initialisation.
    """

    taxonomy = Taxonomy("generate once")

    def __init__(
        self,
        *,
        input_dim: int,
        hidden_dims: Sequence[int],
        sizes: Mapping[str, int],
        deviations: Mapping[str, float],
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self.hidden_dims = hidden_units(hidden_dims)
        widths = [input_dim, *self.hidden_dims]
        self.trunk = nn.Sequential()
        for fan_in, fan_out in itertools.pairwise(widths):
            layer = linear(fan_in, fan_out, deviation=GAIN / math.sqrt(fan_out), rng=rng)
            self.trunk.extend([layer, nn.LeakyReLU(0.01)])
        rows = [
            torch.randn(size, widths[-1], generator=rng) * deviations[name]
            for name, size in sizes.items()
        ]
        self.weight = nn.Parameter(torch.cat(rows))

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.linear(self.trunk(inputs), self.weight)

    def words(self) -> str:
        return f"network of {'-'.join(map(str, self.hidden_dims)) or 'no'} hidden units"
