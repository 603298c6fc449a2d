"""Kernels on a CPU, which are those of the compiled library."""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from hypernas.mixing.kernels import Gradient, Kernels
from hypernas.mixing.part import Part
from hypernas.mixing.turn import Turn, pack_all


class CompiledKernels(Kernels):
    """Functions of step.cpp, on as many threads as torch has."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def mix(self, parts: Sequence[Part]) -> None:
        self._call("mix", b"".join([part.pack() for part in parts]), len(parts))

    def pull_back(self, gradients: Sequence[Gradient]) -> list[float | None]:
        squares = (ctypes.c_double * len(gradients))()
        packed = [
            part.pack([0 if run is None else run.address for run in sums])
            for part, sums in gradients
        ]
        self._call("pull_back", b"".join(packed), len(packed), squares)
        return list(squares)

    def squares(self, turns: Sequence[Turn]) -> Tensor:
        packed, _terms = pack_all(turns)
        found = self._call("squares", packed, len(turns))
        return torch.tensor(found, dtype=torch.float64)

    def update(self, turns: Sequence[Turn], scale: Tensor) -> None:
        packed, _terms = pack_all(turns, float(scale))
        self._call("update", packed, len(turns))

    def _call(self, name: str, packed: bytes, num: int, *more: ctypes.Array) -> float:
        function = getattr(self._library, f"hypernas_{name}")
        return function(packed, num, torch.get_num_threads(), *more)
