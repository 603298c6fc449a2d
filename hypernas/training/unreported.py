"""The losses of steps that no report has told of yet."""

import torch
from torch import Tensor

from hypernas.events import Stateful
from hypernas.events.stateful import State


class Unreported(Stateful):
    """Losses since the last report, which checkpoints keep, so that the next one is of all its steps.

    Args:
        losses: each of shape (); the list is changed by `restore`.
    """

    def __init__(self, losses: list[Tensor]) -> None:
        self._losses = losses

    def state(self) -> State:
        return {"losses": torch.stack(self._losses)} if self._losses else {}

    def restore(self, state: State) -> None:
        losses = state.get("losses")
        self._losses[:] = losses.unbind() if isinstance(losses, Tensor) else []
