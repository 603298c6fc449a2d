"""Masks among the arguments of a module, and batches in which they leave out other examples' parts."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import batch_size
from hypernas.subnet.structure import map_tensors, named_tensors


def masks_of(module: nn.Module, arguments: Arguments) -> list[Tensor]:
    """The masks among the arguments: of shape (N, T), truth values or called so and of 0 and 1 only."""
    signature = inspect.signature(module.forward)
    bound: Mapping[str, Any] = signature.bind(*arguments.positional, **arguments.keywords).arguments
    size = batch_size(arguments)
    return [
        x
        for name, x in named_tensors(bound)
        if x.dim() == 2 and len(x) == size and x.shape[1] > 1 and _is_mask(name, x)
    ]


def padded(arguments: Arguments, masks: list[Tensor], *, num: int) -> Arguments:
    """A batch of `num` examples with other masks: of the first the end is padded, of the second the start.

    From the third on all is. Present is what most entries of a mask say.
    """
    size = batch_size(arguments) or 1
    which = {id(mask) for mask in masks}

    def own(x: Tensor) -> Tensor:
        if id(x) in which:
            return _padded(x, num)
        return x[torch.arange(num) % size] if x.dim() and len(x) == size else x

    return map_tensors(own, arguments)


def _is_mask(name: str, tensor: Tensor) -> bool:
    if tensor.dtype == torch.bool:
        return True
    return "mask" in name and bool(((tensor == 0) | (tensor == 1)).all())


def _padded(mask: Tensor, num: int) -> Tensor:
    present = mask.double().mean().round().to(mask.dtype)
    absent = ~present if mask.dtype == torch.bool else 1 - present
    length = mask.shape[1]
    found = present.repeat(num, length)
    found[0, length - length // 2 :] = absent
    found[1, : length // 2] = absent
    found[2:] = absent
    return found
