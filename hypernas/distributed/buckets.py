"""Adding up many tensors over ranks, in few messages."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

_ELEMENTS = 2**23  # of a bucket: 32 MiB of float32


class _Message(NamedTuple):
    flat: Tensor
    parts: list[Tensor]  # what it was made of; none if it is a tensor's own memory
    work: "dist.Work | None"  # None where this process is of no group


def all_reduce_buckets(tensors: Sequence[Tensor]) -> None:
    """Sum each tensor, in place, over all ranks of the default group.

    Every rank gives tensors of the same shapes in the same order. Large ones are sent as they are;
    neighbours that are small, or not contiguous, are copied into buckets of 32 MiB. So little more memory is
    needed than the tensors have, and all messages are under way together.
    """
    messages = [_send(parts) for parts in _buckets(tensors)]
    for flat, parts, work in messages:
        if work is not None:
            work.wait()
        sizes = [part.numel() for part in parts]
        for part, own in zip(parts, flat.split(sizes) if parts else (), strict=True):
            part.copy_(own.view(part.shape))


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    found: list[list[Tensor]] = []
    filled = 0
    for tensor in tensors:
        fits = found and filled + tensor.numel() <= _ELEMENTS and found[-1][0].dtype == tensor.dtype
        if not fits:
            found.append([])
            filled = 0
        found[-1].append(tensor)
        filled += tensor.numel()
    return found


def _send(parts: list[Tensor]) -> _Message:
    if len(parts) == 1 and parts[0].is_contiguous():
        return _Message(parts[0], [], dist.all_reduce(parts[0], async_op=True))
    flat = torch.cat([part.reshape(-1) for part in parts])
    return _Message(flat, parts, dist.all_reduce(flat, async_op=True))
