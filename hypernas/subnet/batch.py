"""Batches of another size."""

import torch

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors, tensors


def batch_size(arguments: Arguments) -> int | None:
    """The length of the first tensor; None where there is none."""
    return next((len(x) for x in tensors(arguments) if x.dim()), None)


def resized(arguments: Arguments, size: int) -> Arguments:
    """Arguments of a batch of `size` examples: the given ones, again and again, or the first of them.

    Tensors whose first axis is as long as that of the first tensor have an example at each place of it.
    """
    before = batch_size(arguments)
    if before is None or before == size:
        return arguments

    def own(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.dim() or len(tensor) != before:
            return tensor
        return tensor[torch.arange(size) % before]

    return map_tensors(own, arguments)
