"""A convolution over the pieces in their order."""

import math

import torch
from torch import Tensor, nn

from hypernas.generators.hypernetworks.body import Body, check_sizes


class Convolution(Body):
    """Convolutions and leaky ReLUs (slope 0.01) over pieces, so that each is written in sight of its neighbours.

    Args:
        hidden_dim: H.
        num_layers: of convolutions.
        kernel: pieces that one sees, an odd number.

    Raises:
        ValueError: for an even kernel.
    """

    network = "convolution"

    def __init__(
        self,
        *,
        rng: torch.Generator,
        hidden_dim: int = 64,
        num_layers: int = 2,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        check_sizes("Convolution", hidden_dim=hidden_dim, num_layers=num_layers, kernel=kernel)
        if kernel % 2 == 0:
            raise ValueError(f"Convolution: kernel must be odd, such as 3, got {kernel}.")
        self.hidden_dim, self.num_layers, self.kernel = hidden_dim, num_layers, kernel
        self.layers = nn.ModuleList(self._layer(rng) for _ in range(num_layers))

    @torch.no_grad()
    def _layer(self, rng: torch.Generator) -> nn.Conv1d:
        dim, kernel = self.hidden_dim, self.kernel
        layer = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, device="meta").to_empty(
            device="cpu"
        )
        for parameter in layer.parameters():
            deviation = math.sqrt(2 / (dim * kernel)) if parameter.dim() > 1 else 0.0
            parameter.normal_(0, deviation, generator=rng)
        return layer

    def forward(self, pieces: Tensor) -> Tensor:
        hidden = pieces.T[None]  # (1, H, P)
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden))
        return hidden[0].T

    def words(self) -> str:
        return f"{self.num_layers} convolutions of {self.hidden_dim} channels over {self.kernel} pieces each"
