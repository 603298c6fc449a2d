"""Objectives that see what a target makes of a region of inputs."""

from abc import ABC, abstractmethod
from typing import Any


class Widening(ABC):
    """A second interface of objectives: what targets are run on, in the place of a batch's inputs.

    By it certified training runs them on intervals; loss and measures read the outputs of these.
    """

    @abstractmethod
    def trained(self, inputs: Any) -> Any:
        """The inputs of a batch as they are trained on now."""

    @abstractmethod
    def measured(self, inputs: Any) -> Any:
        """The inputs of a batch as they are measured on."""


def trained_on(objective: object, inputs: Any) -> Any:
    """The inputs that targets are trained on, which all but `Widening` objectives leave as they are."""
    return objective.trained(inputs) if isinstance(objective, Widening) else inputs


def measured_on(objective: object, inputs: Any) -> Any:
    """The inputs that targets are measured on, which all but `Widening` objectives leave as they are."""
    return objective.measured(inputs) if isinstance(objective, Widening) else inputs
