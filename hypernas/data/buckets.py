"""Batches of examples of like lengths."""

import torch
from torch import Tensor

POOL = 64  # batches among which examples are put in order


def bucketed(
    rows: Tensor,  # shape: (N,), of examples in the order in which they would be read
    lengths: Tensor,  # of every example
    batch_size: int,
    rng: torch.Generator,
) -> Tensor:  # shape: (N,)
    """The same examples, so that those of a batch are of like lengths; batches stay in random order.

    Within every 64 batches examples are put in order of length, stably, and cut into batches anew. Those that do not
    fill a last batch stay at the end.
    """
    num = len(rows) // batch_size
    whole = rows[: num * batch_size]
    found = []
    for pool in whole.split(POOL * batch_size):
        order = lengths[pool].argsort(stable=True)
        batches = pool[order].view(-1, batch_size)
        found.append(batches[torch.randperm(len(batches), generator=rng)].flatten())
    return torch.cat([*found, rows[num * batch_size :]])
