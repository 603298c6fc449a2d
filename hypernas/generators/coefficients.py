"""Coefficients: where the multipliers of a bank come from."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from hypernas.mixing import Coefficients

Gate = Literal["softmax", "sigmoid", "linear"]


class CoefficientSource(nn.Module, ABC):
    """Features of an architecture -> coefficients of each parameter that has any."""

    @abstractmethod
    def forward(
        self,
        features: Tensor,  # shape: (D,), each in [0, 1]
    ) -> dict[str, Coefficients]:
        """Parameter name -> coefficients for its largest shape."""

    @abstractmethod
    def words(self, name: str) -> str:
        """How a parameter's coefficients come about; empty where it has none."""


class Constant(CoefficientSource):
    """No coefficients: every weight is its bank's only entry."""

    def forward(self, features: Tensor) -> dict[str, Coefficients]:
        return {}

    def words(self, name: str) -> str:
        return ""


def activate(logits: Tensor, gate: Gate, temperature: float = 1.0) -> Tensor:
    """Turn logits, shape (..., K), into gates of that shape; softmax gates sum to 1 over K.

    Raises:
        ValueError: for an unknown gate.
    """
    match gate:
        case "softmax":
            return torch.softmax(logits / temperature, dim=-1)
        case "sigmoid":
            return torch.sigmoid(logits / temperature)
        case "linear":
            return logits
    raise ValueError(f"gate must be softmax, sigmoid or linear, got {gate!r}.")
