"""Objectives that see what a target makes of a region of inputs."""

from abc import ABC, abstractmethod
from typing import Any

from hypernas.subnet.arguments import Arguments


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
    if not isinstance(objective, Widening):
        return inputs
    if isinstance(inputs, Arguments):  # as batches are kept that are run again and again
        alone = len(inputs.positional) == 1 and not inputs.keywords
        return Arguments.of(objective.measured(inputs.positional[0] if alone else inputs))
    return objective.measured(inputs)


def check_alone(objective: object, within: str) -> None:
    """Refuse a `Widening` objective inside another, which would not pass its inputs on.

    Raises:
        ValueError: naming both.
    """
    if isinstance(objective, Widening):
        raise ValueError(
            f"{within} cannot hold {type(objective).__name__}, which trains on regions of inputs: take it by itself."
        )
