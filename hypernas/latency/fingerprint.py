"""Digest of what a module computes."""

import hashlib

import torch
from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import named_tensors


@torch.no_grad()
def fingerprint(module: nn.Module, arguments: Arguments) -> str:
    """A digest of a module's parts, the shapes of its tensors, and its outputs on arguments.

    Of a module that was built under a seed it is the same in every process, and another one as soon as its
    forward computes something else.
    """
    content = hashlib.sha256(repr(module).encode())
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        content.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
    outputs = module(*arguments.positional, **arguments.keywords)
    for name, tensor in named_tensors(outputs):
        content.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        content.update(_bytes(tensor))
    return content.hexdigest()[:24]


def _bytes(tensor: Tensor) -> bytes:
    return (
        tensor.contiguous().view(torch.uint8).numpy().tobytes()
        if tensor.dim()
        else str(tensor).encode()
    )
