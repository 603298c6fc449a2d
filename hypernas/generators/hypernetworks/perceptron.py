"""A perceptron that reads each piece by itself."""

import math

import torch
from torch import Tensor, nn

from hypernas.generators.hidden_layers import linear
from hypernas.generators.hypernetworks.body import Body, Entry, check_sizes


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
        input_dim: int,
        input_size: float,
        embedding_dim: int,
        rng: torch.Generator,
        hidden_dim: int = 64,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("Perceptron", hidden_dim=hidden_dim, num_layers=num_layers)
        self.hidden_dim, self.num_layers = hidden_dim, num_layers
        self.entry = Entry(
            hidden_dim,
            input_dim=input_dim,
            input_size=input_size,
            embedding_dim=embedding_dim,
            rng=rng,
        )
        self.layers = nn.ModuleList(
            linear(hidden_dim, hidden_dim, deviation=math.sqrt(2 / hidden_dim), rng=rng)
            for _ in range(num_layers - 1)
        )

    def forward(self, inputs: Tensor, embeddings: Tensor) -> Tensor:
        hidden = nn.functional.leaky_relu(self.entry(inputs, embeddings))
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden))
        return hidden

    def words(self) -> str:
        return f"perceptron of {'-'.join([str(self.hidden_dim)] * self.num_layers)} hidden units"
