"""Objectives with a teacher of their own."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor


class Taught(ABC):
    """A second interface of objectives: a teacher that is no subnet.

    Its outputs are computed once for the inputs of a batch, and come as the `teacher` of
    `Objective.loss` for all subnets of the step, also the largest.
    """

    @abstractmethod
    def teach(self, inputs: Any) -> Any:
        """The part of the teacher's outputs on a batch's inputs that the loss reads, without gradients."""

    @abstractmethod
    def fidelity(self, outputs: Any, targets: Any, teacher: Any) -> dict[str, Tensor]:
        """Name -> value of each prediction, shape (N,), of how near outputs are to the teacher's."""


def teacher_of(objective: object, inputs: Any) -> Any:
    """The teacher's part for inputs, of an objective with a teacher of its own; None for others."""
    return objective.teach(inputs) if isinstance(objective, Taught) else None
