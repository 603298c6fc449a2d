"""Objectives: the loss a subnet is trained with, and measures of its predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from hypernas.subnet.target import positional


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
        teacher: Any = None,  # outputs of the largest architecture, detached, on the same inputs
    ) -> Tensor:  # shape: ()
        """The loss of a batch, which training minimises."""

    @abstractmethod
    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        """Name -> value of each prediction, shape (N,). Their means are reported."""


@torch.no_grad()
def assess(
    model: Callable[..., Any], batches: Iterable[tuple[Any, Any]], objective: Objective
) -> dict[str, float]:
    """The mean of each of the objective's measures over all predictions of the batches.

    Args:
        model: inputs -> outputs.

    Raises:
        ValueError: if there is no batch.
    """
    totals: dict[str, Tensor] = {}
    count = 0
    for inputs, targets in batches:
        values = objective.measures(model(*positional(inputs)), targets)
        for name, value in values.items():
            totals[name] = totals.get(name, 0) + value.double().sum()
        count += next(iter(values.values())).numel()
    if not count:
        raise ValueError("there is nothing to assess: no batches came.")
    return {name: float(total) / count for name, total in totals.items()}
