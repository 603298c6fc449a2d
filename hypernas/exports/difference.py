"""The difference of two outputs, tensor by tensor."""

from typing import Any

import torch
from torch import Tensor

from hypernas.exports.format import ExportError
from hypernas.subnet.structure import named_tensors, tensors


def differences(found: Any, expected: Any) -> dict[str, float]:
    """Name of each tensor of the expected outputs -> the largest absolute difference of the found one.

    In units of the largest finite value of the expected tensor, or of 1, whichever is more; equal
    values, infinite ones too, do not differ.

    Raises:
        ExportError: if number or shapes of the tensors differ.
    """
    own, wanted = list(tensors(found)), dict(named_tensors(expected))
    if [x.shape for x in own] != [x.shape for x in wanted.values()]:
        raise ExportError(
            f"it returns tensors of the shapes {[tuple(x.shape) for x in own]}, expected were "
            f"{ {name or 'outputs': tuple(x.shape) for name, x in wanted.items()} }."
        )
    pairs = zip(wanted.items(), own, strict=True)
    return {name or "outputs": _difference(x.detach(), y.detach()) for (name, y), x in pairs}


def _difference(found: Tensor, expected: Tensor) -> float:
    found, expected = found.double(), expected.double()
    unequal = found != expected
    if not unequal.any():
        return 0.0
    finite = expected[expected.isfinite()]
    scale = max(1.0, float(finite.abs().max())) if finite.numel() else 1.0
    return float(torch.where(unequal, (found - expected).abs(), 0.0).max()) / scale
