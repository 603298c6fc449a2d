"""Objectives whose loss is known example by example."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor


class ByExample(ABC):
    """A second interface of objectives: the loss of each example, and its gradient at the outputs."""

    @abstractmethod
    def losses(self, outputs: Any, targets: Any) -> Tensor:  # shape: (N,)
        """The loss of each example of a batch; their mean is the loss of the batch without a teacher."""

    @abstractmethod
    def gradient_norms(self, outputs: Any, targets: Any) -> Tensor:  # shape: (N,)
        """The norm of the gradient of each of these losses with respect to its outputs, without a backward pass."""
