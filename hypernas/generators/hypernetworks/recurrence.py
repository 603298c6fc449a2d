"""A recurrent network that walks over the pieces."""

import math

import torch
from torch import Tensor, nn

from hypernas.generators.hypernetworks.body import Body, check_sizes


class Recurrence(Body):
    """A GRU over the pieces in their order, so that each is written in memory of those before it.

    Cho et al., 2014, arXiv 1406.1078. Its matrices start normal by their inputs, its biases at zero.

    Args:
        hidden_dim: H.
        num_layers: of the GRU.
    """

    network = "recurrent"

    def __init__(
        self,
        *,
        rng: torch.Generator,
        hidden_dim: int = 64,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("Recurrence", hidden_dim=hidden_dim, num_layers=num_layers)
        self.hidden_dim = hidden_dim
        self.walk = nn.GRU(hidden_dim, hidden_dim, num_layers, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            for parameter in self.walk.parameters():
                deviation = 1 / math.sqrt(hidden_dim) if parameter.dim() > 1 else 0.0
                parameter.normal_(0, deviation, generator=rng)

    def forward(self, pieces: Tensor) -> Tensor:
        hidden, _ = self.walk(pieces)
        return hidden

    def words(self) -> str:
        return f"GRU of {'-'.join([str(self.hidden_dim)] * self.walk.num_layers)} units over pieces"
