"""Random weights on which two networks are compared."""

import math
import zlib
from collections.abc import Sequence

import torch
from torch import Tensor


def drawn(name: str, shape: Sequence[int]) -> Tensor:
    """Random weights of a parameter, always the same: of a vector around 1, of a matrix by its inputs."""
    rng = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    if sum(size > 1 for size in shape) < 2:
        return torch.rand(tuple(shape), generator=rng) + 0.5
    return torch.randn(tuple(shape), generator=rng) / math.sqrt(math.prod(shape[1:]))
