"""One weight and its place in a bank, as kernels read them."""

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hypernas.mixing.mix import Coefficients, channel_gain, sliced_gates, spread
from hypernas.slicing import Slice

# Legend: K entries of a bank, O output and I input channels of the largest shape,
# o and i those of the subnet, R whatever axes are left.

_KINDS = {torch.float32, torch.bfloat16}
_LAYOUT = struct.Struct("22q")  # that of `Part` in step.cpp


class Run(NamedTuple):
    """Numbers of a contiguous tensor that stand side by side."""

    whole: Tensor
    first: int
    num: int

    @property
    def address(self) -> int:
        return self.whole.data_ptr() + self.first * self.whole.element_size()


class Part(NamedTuple):
    """One weight, or its gradient, and how it is made of a bank; everything is contiguous.

    Attributes:
        bank: shape (K, O, I, *R), or (K, O) for a vector.
        weight: shape (o, i, *r), or (o,); in backward passes its gradient.
    """

    bank: Tensor
    weight: Tensor
    coefficients: Coefficients
    where: Slice

    @property
    def positions(self) -> tuple[Tensor | None, Tensor | None]:
        """Those of rows and of columns in the bank, on the CPU, where they are no run."""
        where = self.where
        if len(where.axes) == 1:
            return None, where.rows.each
        return where.rows.each, where.columns.each

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the weight; a vector is one row."""
        where = self.where
        return (1, where.rows.num) if len(where.axes) == 1 else (where.rows.num, where.columns.num)

    def pack(self, sums: Sequence[int] = (0, 0, 0, 0)) -> bytes:
        """The numbers and addresses of this, which hold as long as it does.

        Args:
            sums: addresses that gradients of coefficients are added to, in the order of their fields; 0 for none.
        """
        bank, where, given = self.bank, self.where, self.coefficients
        shape, out, into = bank.shape, _address(given.gain_out), _address(given.gain_in)
        to_gates, to_out, to_into, to_offset = sums
        if len(shape) == 2:  # a vector is one row, and its gains are of columns
            into, to_into, out, to_out = out, to_out, 0, 0
            first_row, num_rows, rows = 0, 1, None
            columns, height, width, rest = where.rows, 1, shape[1], 1
        else:
            first_row, num_rows, rows = where.rows
            columns, height, rest = where.columns, shape[1], math.prod(shape[3:])
            width = shape[2] * rest
        gates = given.experts
        return _LAYOUT.pack(
            bank.data_ptr(),
            self.weight.data_ptr(),
            *(_address(gates), out, into, _address(given.offset)),
            *(to_gates, to_out, to_into, to_offset, _address(rows), _address(columns.each)),
            *(shape[0], height, width, rest),
            *(num_rows, columns.num, first_row, columns.first),
            *(int(gates is not None and gates.dim() > 1), is_half(bank)),
        )

    def add_to(self, gradient: Tensor) -> None:
        """Add this, which holds the gradient of a weight, to that of the bank."""
        where = self.where
        given = [
            None if tensor is None else tensor.to(self.weight.dtype)
            for tensor in vars(self.coefficients).values()
        ]
        given = Coefficients(*given)
        gates = sliced_gates(given.experts, where)
        gain = channel_gain(given.gain_out, given.gain_in, where)
        small = self.weight if gain is None else self.weight * spread(gain, self.weight)
        if gates is not None:
            gates = gates.view(*gates.shape, *[1] * (small.dim() + 1 - gates.dim()))
        where.add(gradient, small[None], gates)


def pack_gradient(
    gradient: Tensor,  # contiguous
    height: int,
    width: int,
) -> bytes:
    """A gradient that is written, as the one term of a bank of one entry of these sizes."""
    arrays = (0, gradient.data_ptr(), *[0] * 10)
    return _LAYOUT.pack(*arrays, 1, height, width, 1, height, width, 0, 0, 0, is_half(gradient))


def part_of(bank: Tensor, weight: Tensor, coefficients: Coefficients, where: Slice) -> Part | None:
    """A weight as kernels take it.

    None for those that they do not make: vectors whose neurons have gates of their own, parameters without
    axes, all that are not plain (see `is_plain`), or not of one type. Coefficients become single numbers.
    """
    kind, given = bank.dtype, coefficients
    own: list[Tensor | None] = []
    changed = False
    for tensor in (given.experts, given.gain_out, given.gain_in, given.offset):
        if tensor is not None:
            if tensor.dtype != kind or not is_plain(tensor):
                return None
            if kind != torch.float32 or not tensor.is_contiguous():
                tensor, changed = tensor.detach().float().contiguous(), True
        own.append(tensor)
    own_gates = own[0] is not None and own[0].dim() > 1
    if not where.axes or (own_gates and len(where.axes) == 1):
        return None
    if not (is_plain(bank) and bank.is_contiguous() and is_plain(weight)):
        return None
    return Part(bank, weight.contiguous(), Coefficients(*own) if changed else given, where)


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def is_plain(tensor: Tensor) -> bool:
    """True for single numbers, or half ones (bfloat16), in the memory of a CPU or a GPU."""
    return tensor.dtype in _KINDS and (tensor.is_cpu or tensor.is_cuda)


def is_half(tensor: Tensor) -> bool:
    return tensor.dtype == torch.bfloat16
