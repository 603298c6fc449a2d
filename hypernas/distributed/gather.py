"""Gathering what each rank keeps on rank 0."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hypernas.distributed.process_group import ProcessGroup

Entry = dict[str, Any]  # tensors, and plain values


class _Kind(NamedTuple):
    """Of a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def gather(ranks: ProcessGroup, kept: Mapping[str, Entry]) -> dict[str, Entry]:
    """On rank 0, the entries of all ranks; on others, nothing.

    Tensors go through the memory of the CPUs, one after the other, and stay in that of rank 0.

    Args:
        kept: our own; no two ranks have one of the same name.
    """
    described = {
        name: (ranks.rank, {key: _described(value) for key, value in entry.items()})
        for name, entry in kept.items()
    }
    found: dict[str, Entry] = {}
    for name, (rank, entry) in ranks.all_gather(described).items():
        gathered = {
            key: _gathered(ranks, rank, kept.get(name, {}).get(key), what)
            for key, what in entry.items()
        }
        if ranks.first:
            found[name] = gathered
    return found


def _described(value: Any) -> Any:
    return _Kind(tuple(value.shape), value.dtype) if isinstance(value, Tensor) else value


def _gathered(ranks: ProcessGroup, rank: int, value: Any, what: Any) -> Any:
    if not isinstance(what, _Kind):
        return what
    if rank == 0:
        return value
    ours = rank == ranks.rank
    tensor = value.cpu().contiguous() if ours else torch.empty(what.shape, dtype=what.dtype)
    ranks.broadcast(tensor, rank)
    return tensor
