"""Bodies: the part of a hypernetwork between what it reads and the layers that write."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hypernas.generators.hidden_layers import linear
from hypernas.generators.taxonomy import Network

# Legend: P pieces that are written, D numbers of a piece's embedding, E of the input, H hidden units.

_SHARE = 0.25  # of the variance of what enters: the architecture's, the rest is of the pieces


class Body(nn.Module, ABC):
    """Embeddings of pieces, and the input that all have in common -> a vector for each piece.

    Its constructor takes `input_dim` (E), `input_size` (the norm of the input), `embedding_dim` (D) and `rng` by keyword,
    as `BodyMaker`, beside settings of its own.

    Attributes:
        network: what it is in the taxonomy.
        hidden_dim: H.
    """

    network: Network
    hidden_dim: int

    @abstractmethod
    def forward(
        self,
        inputs: Tensor,  # shape: (E,)
        embeddings: Tensor,  # shape: (P, D), standard normal at the start
    ) -> Tensor:  # shape: (P, H)
        """A vector for each piece."""

    @abstractmethod
    def words(self) -> str:
        """The kind of network, in words."""


BodyMaker = Callable[..., Body]  # keywords input_dim, input_size, embedding_dim, rng


class Entry(nn.Module):
    """U e_j + V x: what is read, of variance 1 at the start, of which the input that all pieces share has a quarter.

    So pieces begin apart from each other, in spaces of however many choices.
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

    def forward(self, inputs: Tensor, embeddings: Tensor) -> Tensor:
        return self.of_piece(embeddings) + self.of_input @ inputs


def check_sizes(of: str, **sizes: int) -> None:
    """Refuse sizes below 1, naming all of them."""
    if wrong := {name: size for name, size in sizes.items() if size < 1}:
        raise ValueError(f"{of}: expected sizes of 1 or more, got {wrong}.")
