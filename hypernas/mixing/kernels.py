"""The functions of the native part: mixing, its pull-back, and updates of banks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hypernas.mixing.part import Part
from hypernas.mixing.turn import Turn
from hypernas.native import native


def mix(parts: Sequence[Part]) -> None:
    """Write the weight of each, as `hypernas.mixing.mix` has it."""
    _call("mix", [part.pack() for part in parts])


def pull_back(parts: Sequence[tuple[Part, Sequence[Tensor | None]]]) -> None:
    """Add the gradients of coefficients.

    Args:
        parts: each with the sums that `Part.pack` takes.
    """
    _call("pull_back", [part.pack(sums) for part, sums in parts])


def squares(turns: Sequence[Turn]) -> float:
    """The sum of the squares of the gradients of banks."""
    return _call("squares", [turn.pack() for turn in turns])


def update(turns: Sequence[Turn]) -> None:
    """Move banks and their moments."""
    _call("update", [turn.pack() for turn in turns])


def _call(name: str, packed: Sequence[bytes]) -> float:
    if not packed:
        return 0.0
    function = getattr(native().library, f"hypernas_{name}")
    return function(b"".join(packed), len(packed), torch.get_num_threads())
