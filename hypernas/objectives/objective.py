"""Objectives: the loss a subnet is trained with, and measures of its predictions."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor


class Objective(ABC):
    """A loss, and measures of single predictions.

    Attributes:
        distils: True if the loss of later architectures of a step reads the outputs of the first,
            when that is the largest.
    """

    distils: bool = False

    @abstractmethod
    def loss(
        self,
        outputs: Any,
        targets: Any,
        teacher: Any = None,  # outputs of the largest architecture, detached, or see `Taught`
    ) -> Tensor:  # shape: ()
        """The loss of a batch, which training minimises."""

    @abstractmethod
    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        """Name -> value of each prediction that counts, shape (N,). Their means are reported."""
