"""The first layer of a hypernetwork that writes piece by piece."""

import math

import torch
from torch import Tensor, nn

from hypernas.generators.hidden_layers import linear

# Legend: P pieces that are written, D numbers of a piece's embedding, E of the input, H hidden units.

_SHARE = 0.25  # of the variance of what enters: the architecture's, the rest is of the pieces


class Entry(nn.Module):
    """U e_j + V x: what is read, of variance 1 at the start, of which the input that all pieces share has a quarter.

    So pieces begin apart from each other, in spaces of however many choices.

    Args:
        hidden_dim: H.
        input_dim, input_size: E, and the norm of the input.
        embedding_dim: D.
        rng: of the initialisation.
    """

    def __init__(
        self,
        hidden_dim: int,
        *,
        input_dim: int,
        input_size: float,
        embedding_dim: int,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        own = math.sqrt((1 - _SHARE) / embedding_dim)
        shared = math.sqrt(_SHARE) / input_size
        self.of_piece = linear(embedding_dim, hidden_dim, deviation=own, rng=rng)
        self.of_input = nn.Parameter(torch.randn(hidden_dim, input_dim, generator=rng) * shared)

    def forward(
        self,
        inputs: Tensor,  # shape: (E,)
        embeddings: Tensor,  # shape: (P, D), standard normal at the start
    ) -> Tensor:  # shape: (P, H)
        return self.of_piece(embeddings) + self.of_input @ inputs
