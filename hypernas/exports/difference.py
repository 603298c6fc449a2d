"""The difference of two outputs, tensor by tensor."""

from typing import Any

from hypernas.exports.format import ExportError
from hypernas.subnet.difference import difference
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
    return {
        name or "outputs": difference(x.detach(), y.detach(), least=1.0) for (name, y), x in pairs
    }
