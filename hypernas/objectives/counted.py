"""Objectives whose loss is a mean over those predictions that count."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

IGNORED = -100  # the target of what is no prediction, torch's own `ignore_index`


class Counted(ABC):
    """A second interface of objectives: what a loss is the mean of.

    By it the losses of parts of a batch (on several ranks) and of the batches of a step (under
    `Training.accumulate`) are weighted, so that every prediction counts alike. Without it, parts count
    by their rows and batches alike.
    """

    @abstractmethod
    def num_counted(self, targets: Any) -> int | None:
        """Predictions that the loss of a batch is the mean of; None where targets do not tell."""


def counted(
    targets: Tensor,  # shape: (...)
) -> Tensor:  # shape: (...), of truth values
    """True where a target is a class, False where it is -100."""
    return targets != IGNORED
