"""The turn of one bank in an optimizer's step, as the native part takes it."""

import ctypes
import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from hypernas.mixing.part import Part, pack_gradient

_LAYOUT = struct.Struct("11q7d")  # that of `Bank` in step.cpp


class Constants(NamedTuple):
    """Numbers of a step for one bank, named and explained in step.cpp."""

    rule: int = 0
    fresh: int = 0
    nesterov: int = 0
    rate: float = 0.0
    decay: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0
    root: float = 0.0


class Turn(NamedTuple):
    """A bank, the terms of its gradient, and how it moves; everything is contiguous.

    Attributes:
        bank: shape (K, *largest).
        num_terms: of its gradient.
        terms: packed.
        moments: an optimizer's two tensors of the bank's shape, or as many as it has.
        scale: factor of the gradient.
    """

    bank: Tensor
    num_terms: int
    terms: bytes
    moments: tuple[Tensor | None, Tensor | None] = (None, None)
    constants: Constants = Constants()
    scale: float = 1.0

    @classmethod
    def of(cls, bank: Tensor, terms: Sequence[Part]) -> "Turn":
        """That in which it does not move."""
        return cls(bank, len(terms), b"".join([term.pack() for term in terms]))

    @classmethod
    def of_gradient(cls, parameter: Tensor, gradient: Tensor) -> "Turn":
        """That of a parameter with a gradient, a bank of one entry in which it does not move."""
        height = parameter.shape[0] if parameter.dim() > 1 else 1
        rows = parameter.detach().view(1, height, -1)
        return cls(rows, 1, pack_gradient(gradient, height, rows.shape[2]))

    def pack(self) -> bytes:
        """The numbers and addresses of this, which hold as long as it does."""
        shape, (rule, fresh, nesterov, *numbers) = self.bank.shape, self.constants
        height, width = (1, shape[1]) if len(shape) == 2 else (shape[1], math.prod(shape[2:]))
        first, second = (0 if moment is None else moment.data_ptr() for moment in self.moments)
        return _LAYOUT.pack(
            *(self.bank.data_ptr(), first, second, _address(self.terms)),
            *(self.num_terms, shape[0], height, width, rule, fresh, nesterov),
            *(self.scale, *numbers),
        )


def _address(array: bytes) -> int:
    """Address of an array, for as long as that lives."""
    return ctypes.cast(ctypes.c_char_p(array), ctypes.c_void_p).value or 0
