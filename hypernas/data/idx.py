"""IDX files: arrays of bytes behind their sizes."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hypernas.data.archive import unpacked

_LARGEST = 2**30  # bytes of an array; the largest such data set in use has a twentieth


def read_idx(path: Path, dim: int) -> Tensor:  # shape: as the file says, of dim axes
    """One array: magic number 0, 0, 8, dim, then big-endian sizes, then the values, gzipped or not.

    The sizes are read and judged before the values are.

    Raises:
        ValueError: if it is another file, cut off, or states other sizes than it has.
    """
    with unpacked(path, largest=_LARGEST) as file:
        magic, sizes = file.read(4), file.read(4 * dim)
        if magic != bytes([0, 0, 8, dim]):
            raise ValueError(
                f"{path} is not an IDX file of bytes with {dim} axes: expected it to begin with "
                f"{[0, 0, 8, dim]}, got {list(magic)}. Get it again."
            )
        shape = [int(size) for size in np.frombuffer(sizes[: len(sizes) // 4 * 4], dtype=">u4")]
        num = math.prod(shape)
        widest = math.prod(max(size, 1) for size in shape)  # a size of 0 hides no impossible one
        if len(shape) < dim or widest > _LARGEST:
            raise ValueError(
                f"{path} states the sizes {shape}: expected {dim} sizes of at most {_LARGEST:,} bytes "
                f"in all. Get it again."
            )
        values = file.read(num + 1)
    if len(values) != num:
        got = f"{len(values):,}" if len(values) < num else "more"
        raise ValueError(
            f"{path} is cut off or altered: expected the {num:,} bytes of its sizes {shape}, got {got}. "
            f"Get it again."
        )
    return torch.from_numpy(np.frombuffer(values, dtype=np.uint8).reshape(shape).copy())
