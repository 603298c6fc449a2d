"""Coefficients: where the multipliers of a bank come from."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from hypernas.generators.taxonomy import Taxonomy
from hypernas.mixing import Coefficients

Gate = Literal["softmax", "sigmoid", "linear"]


class CoefficientSource(nn.Module, ABC):
    """Features of architectures -> coefficients of each parameter that has any.

    Attributes:
        taxonomy: what kind of hypernetwork it is, conditions left out, which it need not know of; None where it
            reads neither.
    """

    taxonomy: Taxonomy | None = None

    @abstractmethod
    def forward(
        self,
        features: Tensor,  # shape: (N, D), N architectures; and their conditions
    ) -> list[dict[str, Coefficients]]:
        """For each architecture: parameter name -> coefficients for its largest shape."""

    @abstractmethod
    def words(self, name: str) -> str:
        """A description of a parameter's coefficients; empty where it has none."""


class Constant(CoefficientSource):
    """No coefficients: every weight is its bank's only entry."""

    def forward(self, features: Tensor) -> list[dict[str, Coefficients]]:
        return [{} for _ in range(len(features))]  # to iterate over a tensor makes one of each row

    def words(self, name: str) -> str:
        return ""


def activate(
    logits: Tensor,  # shape: (..., K)
    gate: Gate,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Tensor:  # shape: (..., K)
    """Turn logits into gates; softmax gates sum to 1 over K.

    Args:
        top_k: gates of all but this many largest logits are 0, and a softmax is over those left
            (Shazeer et al., 2017, arXiv 1701.06538, equation 3); None keeps all.

    Raises:
        ValueError: for an unknown gate.
    """
    dropped = None
    if top_k is not None and top_k < logits.shape[-1]:
        kept = logits.topk(top_k, dim=-1).indices
        dropped = torch.ones_like(logits, dtype=torch.bool).scatter(-1, kept, False)
    match gate:
        case "softmax":
            if dropped is not None:
                logits = logits.masked_fill(dropped, -torch.inf)
            return torch.softmax(logits / temperature, dim=-1)
        case "sigmoid":
            gates = torch.sigmoid(logits / temperature)
            return gates if dropped is None else gates.masked_fill(dropped, 0)
        case "linear":
            return logits if dropped is None else logits.masked_fill(dropped, 0)
    raise ValueError(f"gate must be softmax, sigmoid or linear, got {gate!r}.")
