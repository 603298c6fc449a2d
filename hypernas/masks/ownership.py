"""Ownership: which entries of a bank earlier tasks have trained, and which are free."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hypernas.border import checked


class Ownership:
    """The union of the masks of tasks that have ended.

    Args:
        shapes: name -> shape of each masked tensor.

    Attributes:
        owned: name -> truth values, True where an earlier task's mask is.
    """

    @checked
    def __init__(self, shapes: Mapping[str, Sequence[int]]) -> None:
        self.owned = {n: torch.zeros(tuple(s), dtype=torch.bool) for n, s in shapes.items()}

    def free(self, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """E_t = M_t and not (M_0 or ... or M_t-1): the entries that a task may train alone."""
        return {name: mask.bool().cpu() & ~self.owned[name] for name, mask in masks.items()}

    def take(self, masks: Mapping[str, Tensor]) -> None:
        """Give what masks have to their task, for good."""
        for name, mask in masks.items():
            self.owned[name] |= mask.bool().cpu()

    def share_free(self, masks: Mapping[str, Tensor]) -> float:
        """The share of masks' entries that nobody owns yet: (1 - k)^t of independent ones of density k."""
        free = sum(int(entries.sum()) for entries in self.free(masks).values())
        return free / sum(int(mask.sum()) for mask in masks.values())
