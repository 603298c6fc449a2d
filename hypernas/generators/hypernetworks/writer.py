"""Writers: the last layer of a hypernetwork, and the pieces in which it writes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hypernas.generators.taxonomy import Outputs


class Writer(nn.Module, ABC):
    """A vector for each of P pieces -> all weights of the largest shapes, one after the other.

    Its layers start with outputs as large as its inputs; `ScaledNetwork` makes of them what each tensor needs.

    Attributes:
        outputs: what it is in the taxonomy.
        num_pieces: P.
    """

    outputs: Outputs
    num_pieces: int

    @abstractmethod
    def forward(
        self,
        hidden: Tensor,  # shape: (P, H)
    ) -> Tensor:  # shape: (N,), N weights in all
        """The weights, in the order of the shapes, each flattened."""

    @abstractmethod
    def words(self) -> str:
        """The pieces, in words."""


class Heads(Writer):
    """A linear layer for each tensor, which is a piece.

    It stores H numbers for each weight.
    """

    outputs = "multiple heads"

    def __init__(
        self, shapes: Mapping[str, torch.Size], *, hidden_dim: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.num_pieces = len(shapes)
        self._sizes = [shape.numel() for shape in shapes.values()]
        self.weight = nn.Parameter(_rows(sum(self._sizes), hidden_dim, rng))

    def forward(self, hidden: Tensor) -> Tensor:
        every = zip(self.weight.split(self._sizes), hidden.unbind(0), strict=True)
        return torch.cat([torch.mv(weight, own) for weight, own in every])

    def words(self) -> str:
        return "a head for each tensor"


class Components(Writer):
    """W_p = R diag(h_p) Lᵀ: one linear layer L writes the rows of all tensors, which are the pieces.

    R has an embedding for each output channel, the same for all tensors, which take as many rows of it, and as many of L,
    as they have channels and weights a channel; vectors are one row. W_p is of rank H at most.
    """

    outputs = "component-wise"

    def __init__(
        self, shapes: Mapping[str, torch.Size], *, hidden_dim: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.num_pieces = len(shapes)
        self._sizes = [
            (shape[0], shape[1:].numel()) if len(shape) > 1 else (1, shape.numel())
            for shape in shapes.values()
        ]
        channels, widths = (max(sizes) for sizes in zip(*self._sizes, strict=True))
        self.channels = nn.Parameter(torch.randn(channels, hidden_dim, generator=rng))
        self.weight = nn.Parameter(_rows(widths, hidden_dim, rng))

    def forward(self, hidden: Tensor) -> Tensor:
        parts = [
            (self.channels[:num] * own) @ self.weight[:width].T
            for (num, width), own in zip(self._sizes, hidden.unbind(0), strict=True)
        ]
        return torch.cat([part.flatten() for part in parts])

    def words(self) -> str:
        return "row by row"


class Chunks(Writer):
    """One linear layer writes chunk after chunk of all weights, of equal size but for what is left over.

    Args:
        size: weights of a chunk.

    Raises:
        ValueError: if there is none.
    """

    outputs = "chunk-wise"

    def __init__(
        self,
        shapes: Mapping[str, torch.Size],
        *,
        hidden_dim: int,
        rng: torch.Generator,
        size: int,
    ) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"chunk_size must be 1 or more, got {size}.")
        self._num = sum(shape.numel() for shape in shapes.values())
        self.size = min(size, self._num)
        self.num_pieces = -(-self._num // self.size)
        self.weight = nn.Parameter(_rows(self.size, hidden_dim, rng))

    def forward(self, hidden: Tensor) -> Tensor:
        return nn.functional.linear(hidden, self.weight).flatten()[: self._num]

    def words(self) -> str:
        return f"in {self.num_pieces} chunks of {self.size}"


def _rows(num: int, dim: int, rng: torch.Generator) -> Tensor:  # shape: (num, dim)
    return torch.randn(num, dim, generator=rng) / dim**0.5
