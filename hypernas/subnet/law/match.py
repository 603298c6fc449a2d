"""Entries of a small network's tensor found again in the large network's, by their values."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

_RELATIVE = (
    1e-4  # of the largest entry: far above rounding in float32, far below any real difference
)
_MOST = 2**24  # products that are compared at once

Map = dict[int, tuple[int, ...]]  # axis that differs -> where the small one's entries stand


class Unknown(Exception):
    """Two tensors whose shapes differ so that no comparison says anything."""


def tensors(values: Any) -> list[Tensor]:
    """All tensors of nested arguments or outputs, in order."""
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def equal(large: Tensor, small: Tensor) -> bool:
    """True if two tensors of one shape differ by rounding only."""
    if not small.is_floating_point() or not small.numel():
        return torch.equal(large, small)
    size = float(small.abs().max())
    return bool(torch.allclose(large, small, rtol=_RELATIVE, atol=_RELATIVE * size, equal_nan=True))


def embedding(large: Tensor, small: Tensor) -> Map | None:
    """Places of the entries of `small` in `large` along each axis that differs; None where they are not there.

    Raises:
        Unknown: if more than one axis differs and the first entries of each are others, or an axis of
            the small tensor is longer.
    """
    if large.dim() != small.dim() or large.dtype != small.dtype:
        raise Unknown
    axes = [i for i, (b, s) in enumerate(zip(large.shape, small.shape, strict=True)) if b != s]
    if any(small.shape[i] > large.shape[i] for i in axes):
        raise Unknown
    corner = large[tuple(slice(0, s) for s in small.shape)]
    if equal(corner, small):
        return {i: tuple(range(small.shape[i])) for i in axes}
    if len(axes) > 1:
        raise Unknown
    if not axes:
        return None
    (axis,) = axes
    found = _rows(large.movedim(axis, 0).flatten(1), small.movedim(axis, 0).flatten(1))
    return None if found is None else {axis: found}


def _rows(large: Tensor, small: Tensor) -> tuple[int, ...] | None:
    """For each row of `small` the index of an equal row of `large`, ascending; None if one has none."""
    large, small = large.double(), small.double()
    step = max(1, _MOST // max(1, large.numel()))
    far = float(small.abs().max()) * _RELATIVE * 2
    found: list[int] = []
    for rows in small.split(step):
        apart = (rows[:, None] - large).abs().amax(-1)
        for distances in apart:
            after = found[-1] + 1 if found else 0
            fits = (distances[after:] <= far).nonzero().flatten()
            if not len(fits):
                return None
            found.append(after + int(fits[0]))
    return tuple(found)


def compared(large: Any, small: Any) -> Iterator[Map | None]:
    """The embedding of each tensor of `small` in its counterpart; those that tell nothing are left out.

    Raises:
        Unknown: if nothing can be compared.
    """
    pairs = tensors(large), tensors(small)
    if len(pairs[0]) != len(pairs[1]):
        raise Unknown
    known = False
    for big, part in zip(*pairs, strict=True):
        try:
            found = embedding(big, part)
        except Unknown:
            continue
        known = True
        yield found
    if not known and pairs[1]:
        raise Unknown
