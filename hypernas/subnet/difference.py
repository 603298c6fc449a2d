"""The difference of two tensors."""

import torch
from torch import Tensor


def difference(
    found: Tensor,  # of any shape
    expected: Tensor,  # the same
    *,
    least: float,
) -> float:
    """The largest absolute difference, in units of the largest finite expected value, or of `least` if that is more.

    Equal values, infinite ones too, do not differ.
    """
    found, expected = found.double(), expected.double()
    unequal = found != expected
    if not unequal.any():
        return 0.0
    finite = expected[expected.isfinite()]
    scale = max(least, float(finite.abs().max())) if finite.numel() else max(least, 1.0)
    return float(torch.where(unequal, (found - expected).abs(), 0.0).max()) / scale
