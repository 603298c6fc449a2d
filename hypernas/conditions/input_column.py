"""One of the inputs of a batch as its condition."""

from typing import Any, get_args

from torch import Tensor

from hypernas.border import checked
from hypernas.conditions.condition import Condition, Kind
from hypernas.subnet.arguments import Arguments


class InputColumn(Condition):
    """A vector that the data give beside the other inputs: a task's embedding, a sensor's setting.

    Examples come as (input, ..., vector, target), or as mappings. Weights are one set for a batch, so the
    vectors of its examples, shape (N, C), are averaged: let a batch hold examples of one condition, or
    take the mean for what describes them. The target does not get the vector.

    Args:
        position: which of the inputs; -1 is the last positional one, a name one of the keywords.
        kind: data, or task where the vectors are those of tasks.
    """

    @checked
    def __init__(self, *, position: int | str = -1, kind: Kind = "data") -> None:
        self.position = position
        self.kinds: tuple[Kind, ...] = (kind,)
        if kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {list(get_args(Kind))}, got {kind!r}.")

    def __call__(self, inputs: Any) -> Tensor:
        vectors, _ = self._apart(inputs)
        if vectors.dim() != 2:
            raise ValueError(
                f"input {self.position} of a batch is its condition, which must have the shape "
                f"(N, C), got {tuple(vectors.shape)}."
            )
        return vectors.mean(0)

    def rest(self, inputs: Any) -> Any:
        _, others = self._apart(inputs)
        return others if others.keywords else others.positional

    def _apart(self, inputs: Any) -> tuple[Tensor, Arguments]:
        """The vectors, and the other inputs."""
        columns, keywords = Arguments.of(inputs)
        names = range(-len(columns), len(columns)) if len(columns) + len(keywords) > 1 else ()
        if self.position in keywords:
            others = {name: column for name, column in keywords.items() if name != self.position}
            return keywords[str(self.position)], Arguments(columns, others)
        if isinstance(self.position, str) or self.position not in names:
            also = f" and the keywords {list(keywords)}" if keywords else ""
            raise ValueError(
                f"input {self.position} of a batch is its condition, but a batch has "
                f"{len(columns)} inputs{also}: let the data give (input, ..., vector, target)."
            )
        at = self.position % len(columns)
        return columns[at], Arguments(columns[:at] + columns[at + 1 :], keywords)
