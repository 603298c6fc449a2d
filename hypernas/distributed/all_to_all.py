"""Tensors that ranks send each other, in one message."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hypernas.distributed.process_group import ProcessGroup

Shape = tuple[int, ...]


def all_to_all(
    ranks: ProcessGroup,
    sent: Sequence[Sequence[Tensor]],  # to each rank
    awaited: Sequence[Sequence[Shape]],  # from each rank
    *,
    like: Tensor,
) -> list[list[Tensor]]:  # from each rank
    """Every rank sends some tensors to every rank, of which that one knows the shapes.

    What came is views of one tensor.

    Args:
        like: has the type and device of all that is sent.
    """
    every = [tensor.reshape(-1) for some in sent for tensor in some]
    received = ranks.all_to_all(
        torch.cat(every) if every else like.new_empty(0),
        [sum(tensor.numel() for tensor in some) for some in sent],
        [sum(math.prod(shape) for shape in some) for some in awaited],
    )
    place, found = 0, list[list[Tensor]]()
    for some in awaited:
        found.append([])
        for shape in some:
            size = math.prod(shape)
            found[-1].append(received[place : place + size].view(shape))
            place += size
    return found
