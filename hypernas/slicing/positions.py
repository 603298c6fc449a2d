"""The positions that axes take, all of them flattened to one."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Positions(NamedTuple):
    """Ascending positions on a flat axis.

    Attributes:
        first: of a run.
        num: how many there are.
        each: where they are no run all of them, int64, shape (num,); else None.
    """

    first: int
    num: int
    each: Tensor | None


def positions(
    large: Sequence[Sequence[int]], taken: Sequence[Sequence[slice | tuple[int, ...]]]
) -> Positions:
    """Positions on the product of some axes, each the product of factors, as `Axis` has them."""
    sizes, parts = itertools.chain(*large), itertools.chain(*taken)
    first, num = 0, 1
    places: np.ndarray | None = None  # once they are no run
    for size, part in zip(sizes, parts, strict=True):
        run = isinstance(part, slice)
        start, count = (part.start, part.stop - part.start) if run else (0, len(part))
        if places is None and run and (num == 1 or count == size):
            first, num = first * size + start, num * count
            continue
        if places is None:
            places = np.arange(first, first + num)
        own = np.arange(start, start + count) if run else np.array(part, dtype=np.int64)
        places = (places[:, None] * size + own).ravel()
    if places is None:
        return Positions(first, num, None)
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return Positions(int(places[0]), len(places), None)
    return Positions(0, len(places), torch.from_numpy(places))
