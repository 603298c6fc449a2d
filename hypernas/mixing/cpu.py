"""Kernels on a CPU, which are those of the compiled library."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from hypernas.mixing.kernels import Gradient, Kernels
from hypernas.mixing.part import Part
from hypernas.mixing.turn import Turn


class CompiledKernels(Kernels):
    """Functions of step.cpp, on as many threads as torch has."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def mix(self, parts: Sequence[Part]) -> None:
        self._call("mix", [part.pack() for part in parts])

    def pull_back(self, gradients: Sequence[Gradient]) -> list[float | None]:
        squares = (ctypes.c_double * len(gradients))()
        self._call("pull_back", [part.pack(sums) for part, sums in gradients], squares)
        return list(squares)

    def squares(self, turns: Sequence[Turn]) -> Tensor:
        found = self._call("squares", [turn.pack() for turn in turns])
        return torch.tensor(found, dtype=torch.float64)

    def update(self, turns: Sequence[Turn], scale: Tensor) -> None:
        factor = float(scale)
        self._call("update", [turn.pack(factor) for turn in turns])

    def _call(self, name: str, packed: Sequence[bytes], *more: ctypes.Array) -> float:
        function = getattr(self._library, f"hypernas_{name}")
        return function(b"".join(packed), len(packed), torch.get_num_threads(), *more)
