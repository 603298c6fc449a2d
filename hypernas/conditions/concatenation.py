"""Several conditions, one behind the other."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.conditions.condition import Condition
from hypernas.conditions.draw import Drawn, drawn


class Concatenation(Condition, Drawn):
    """The numbers of several conditions side by side, as a task's embedding and a summary of the batch.

    Each reads the inputs that those before it leave: two `InputColumn()` take the last input and the one before.

    Args:
        conditions: one or more; the generator's `condition_dim` is how many numbers they have together.

    Raises:
        ValueError: if there is none.
    """

    @checked
    def __init__(self, conditions: Sequence[Condition]) -> None:
        if not conditions:
            raise ValueError("conditions=[] leaves nothing to read: give one or more.")
        self.conditions = list(conditions)
        self.kinds = tuple(dict.fromkeys(kind for own in conditions for kind in own.kinds))

    def __call__(self, inputs: Any) -> Tensor:
        return self._joined(inputs, lambda own, left: own(left))

    def draw(self, inputs: Any, rng: torch.Generator) -> Tensor:
        return self._joined(inputs, lambda own, left: drawn(own, left, rng))

    def _joined(self, inputs: Any, read: Callable[[Condition, Any], Tensor]) -> Tensor:
        found: list[Tensor] = []
        for own in self.conditions:
            value = read(own, inputs)
            found.append(value.to(found[0]) if found else value)
            inputs = own.rest(inputs)
        return torch.cat(found)

    def rest(self, inputs: Any) -> Any:
        for own in self.conditions:
            inputs = own.rest(inputs)
        return inputs
