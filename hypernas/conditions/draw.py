"""Draws of conditions that differ between training and evaluation."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from hypernas.conditions.condition import Condition


class Drawn(ABC):
    """A second interface of a condition: training draws it anew for each batch.

    The draws come from the random source of the step, so a run that is gone on with, or of which a step is replayed,
    has the same ones, and so have all ranks.
    """

    @abstractmethod
    def draw(
        self,
        inputs: Any,  # of a batch, as the data have them
        rng: torch.Generator,
    ) -> Tensor:  # shape: (C,)
        """The condition of a batch of training."""


def drawn(condition: Condition, inputs: Any, rng: torch.Generator) -> Tensor:  # shape: (C,)
    """The condition of a batch of training: a draw where there are any."""
    return condition.draw(inputs, rng) if isinstance(condition, Drawn) else condition(inputs)
