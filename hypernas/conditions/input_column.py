"""One of the inputs of a batch as its condition."""

from typing import Any

from torch import Tensor

from hypernas.conditions.condition import Condition
from hypernas.subnet.target import positional


class InputColumn(Condition):
    """A vector that the data give beside the other inputs: a task's embedding, a sensor's setting.

    Examples come as (input, ..., vector, target). Weights are one set for a batch, so the vectors
    of its examples, shape (N, C), are averaged: let a batch hold examples of one condition, or take
    the mean for what describes them. The target does not get the vector.

    Args:
        position: which of the inputs; -1 is the last.
    """

    def __init__(self, *, position: int = -1) -> None:
        self.position = position

    def __call__(self, inputs: Any) -> Tensor:
        columns = self._columns(inputs)
        vectors = columns[self.position]
        if vectors.dim() != 2:
            raise ValueError(
                f"input {self.position} of a batch is its condition, which must have the shape "
                f"(N, C), got {tuple(vectors.shape)}."
            )
        return vectors.mean(0)

    def rest(self, inputs: Any) -> Any:
        columns = self._columns(inputs)
        at = self.position % len(columns)
        return columns[:at] + columns[at + 1 :]

    def _columns(self, inputs: Any) -> tuple[Tensor, ...]:
        columns = positional(inputs)
        if len(columns) < 2 or not -len(columns) <= self.position < len(columns):
            raise ValueError(
                f"input {self.position} of a batch is its condition, but a batch has "
                f"{len(columns)} inputs: let the data give (input, ..., vector, target)."
            )
        return columns
