"""A transformer over the pieces."""

import math

import torch
from torch import Tensor, nn

from hypernas.generators.hidden_layers import linear
from hypernas.generators.hypernetworks.body import Body, check_sizes


class Attention(Body):
    """Blocks of a transformer over pieces, so that each is written in sight of all others.

    Vaswani et al., 2017, arXiv 1706.03762, with norms before each part, and one behind the last block. Positions are told
    by the embeddings. Layers start normal by their inputs, with biases of zero.

    Args:
        hidden_dim: H, of each head an equal share.
        num_layers: blocks.
        num_heads: of each block.

    Raises:
        ValueError: if the hidden units cannot be divided among heads.
    """

    network = "attention"

    def __init__(
        self,
        *,
        rng: torch.Generator,
        hidden_dim: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        check_sizes("Attention", hidden_dim=hidden_dim, num_layers=num_layers, num_heads=num_heads)
        if hidden_dim % num_heads:
            raise ValueError(
                f"Attention: hidden_dim must be divisible by num_heads, got {hidden_dim} and {num_heads}."
            )
        self.hidden_dim = hidden_dim
        self.blocks = nn.Sequential(
            *(_Block(hidden_dim, num_heads, rng=rng) for _ in range(num_layers))
        )
        self.norm = nn.LayerNorm(hidden_dim)

    def forward(self, pieces: Tensor) -> Tensor:
        return self.norm(self.blocks(pieces))

    def words(self) -> str:
        return f"transformer of {len(self.blocks)} blocks of {self.hidden_dim} channels over pieces"


class _Block(nn.Module):
    def __init__(self, dim: int, num_heads: int, *, rng: torch.Generator) -> None:
        super().__init__()
        self.num_heads = num_heads
        deviation = 1 / math.sqrt(dim)
        # without a bias: that of keys would change nothing
        self.in_proj = nn.Parameter(torch.randn(3 * dim, dim, generator=rng) * deviation)
        self.out_proj = linear(dim, dim, deviation=deviation, rng=rng)
        self.wide = linear(dim, 2 * dim, deviation=math.sqrt(2 / dim), rng=rng)
        self.narrow = linear(2 * dim, dim, deviation=math.sqrt(1 / (2 * dim)), rng=rng)
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])

    def forward(self, x: Tensor) -> Tensor:  # shape: (P, H)
        mixed = nn.functional.linear(self.norms[0](x), self.in_proj)
        query, key, value = mixed.view(len(x), 3, self.num_heads, -1).permute(1, 2, 0, 3)
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out_proj(attended.transpose(0, 1).flatten(1))
        return x + self.narrow(torch.relu(self.wide(self.norms[1](x))))
