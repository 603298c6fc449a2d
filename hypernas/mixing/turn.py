"""The turn of one bank in an optimizer's step, as kernels take it."""

import ctypes
import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from hypernas.mixing.part import Part, is_half, pack_gradient

_LAYOUT = struct.Struct("12q7d")  # that of `Bank` in step.cpp


class Constants(NamedTuple):
    """Numbers of a step for one bank, named and explained in step.cpp.

    Attributes:
        count: how many steps there were, shape (), where only a GPU knows; rate and root are then not corrected
            for bias.
    """

    rule: int = 0
    fresh: int = 0
    nesterov: int = 0
    rate: float = 0.0
    decay: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    epsilon: float = 0.0
    root: float = 0.0
    count: Tensor | None = None


class Turn(NamedTuple):
    """A bank, the terms of its gradient, and how it moves; everything is contiguous.

    Attributes:
        bank: shape (K, *largest).
        num_terms: of its gradient.
        terms: packed.
        parts: those of the terms that are no written gradients.
        moments: an optimizer's two tensors of the bank's shape, or as many as it has, of single numbers.
        squares: the sum of the gradient's, if it is known.
    """

    bank: Tensor
    num_terms: int
    terms: bytes
    parts: Sequence[Part] = ()
    moments: tuple[Tensor | None, Tensor | None] = (None, None)
    constants: Constants = Constants()
    squares: float | None = None

    @classmethod
    def of(cls, bank: Tensor, terms: Sequence[Part], squares: float | None = None) -> "Turn":
        """That in which it does not move."""
        packed = b"".join([term.pack() for term in terms])
        return cls(bank, len(terms), packed, terms, squares=squares)

    @classmethod
    def of_gradient(cls, parameter: Tensor, gradient: Tensor) -> "Turn":
        """That of a parameter with a gradient, a bank of one entry in which it does not move."""
        height = parameter.shape[0] if parameter.dim() > 1 else 1
        rows = parameter.detach().view(1, height, -1)
        return cls(rows, 1, pack_gradient(gradient, height, rows.shape[2]))

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of an entry; a vector is one row."""
        shape = self.bank.shape
        return (1, shape[1]) if len(shape) == 2 else (shape[1], math.prod(shape[2:]))

    def moving(self, moments: tuple[Tensor | None, Tensor | None], constants: Constants) -> "Turn":
        """That in which it moves."""
        own = self.bank, self.num_terms, self.terms, self.parts
        return Turn(*own, moments, constants, self.squares)

    def pack(self, scale: float = 1.0, terms: int = 0) -> bytes:
        """The numbers and addresses of this, which hold as long as it does.

        Args:
            scale: factor of the gradient.
            terms: their address.
        """
        bank, (first, second) = self.bank, self.moments
        rule, fresh, nesterov, rate, decay, beta1, beta2, epsilon, root, _count = self.constants
        return _LAYOUT.pack(
            bank.data_ptr(),
            0 if first is None else first.data_ptr(),
            0 if second is None else second.data_ptr(),
            *(terms, self.num_terms, len(bank), *self.extent, rule, fresh, nesterov, is_half(bank)),
            *(scale, rate, decay, beta1, beta2, epsilon, root),
        )


def pack_all(turns: Sequence[Turn], scale: float = 1.0) -> tuple[bytes, bytes]:
    """The numbers of turns, and their terms, whose addresses are in them."""
    terms = b"".join([turn.terms for turn in turns])
    address, packed = _address(terms), []
    for turn in turns:
        packed.append(turn.pack(scale, address))
        address += len(turn.terms)
    return b"".join(packed), terms


def _address(array: bytes) -> int:
    """Address of an array, for as long as that lives."""
    return ctypes.cast(ctypes.c_char_p(array), ctypes.c_void_p).value or 0
