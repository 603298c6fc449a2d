"""A perceptron that reads each piece by itself."""

import math

import torch
from torch import Tensor, nn

from hypernas.generators.hidden_layers import linear
from hypernas.generators.hypernetworks.body import Body, check_sizes


class Perceptron(Body):
    """Linear layers and leaky ReLUs (slope 0.01), Kaiming-normal by their inputs, the same for all pieces.

    Args:
        hidden_dim: H.
        num_layers: of them.
    """

    network = "MLP"

    def __init__(
        self,
        *,
        rng: torch.Generator,
        hidden_dim: int = 64,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("Perceptron", hidden_dim=hidden_dim, num_layers=num_layers)
        self.hidden_dim, self.num_layers = hidden_dim, num_layers
        self.layers = nn.ModuleList(
            linear(hidden_dim, hidden_dim, deviation=math.sqrt(2 / hidden_dim), rng=rng)
            for _ in range(num_layers - 1)
        )

    def forward(self, pieces: Tensor) -> Tensor:
        hidden = nn.functional.leaky_relu(pieces)
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden))
        return hidden

    def words(self) -> str:
        return f"perceptron of {'-'.join([str(self.hidden_dim)] * self.num_layers)} hidden units"
