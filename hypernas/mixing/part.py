"""One weight and its place in a bank, as the native part of a step reads them."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hypernas.mixing.mix import Coefficients, channel_gain, sliced_gates, spread
from hypernas.slicing import Slice

# Legend: K entries of a bank, O output and I input channels of the largest shape,
# o and i those of the subnet, R whatever axes are left.

_LAYOUT = struct.Struct("21q")  # that of `Part` in step.cpp


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

    def pack(self, sums: Sequence[Tensor | None] = (None,) * 4) -> bytes:
        """The numbers and addresses of this, which hold as long as it does.

        Args:
            sums: of gradients, that those of the coefficients are added to, in the order of their fields.
        """
        where, bank, given = self.where, self.bank, self.coefficients
        gates, out, into, offset = given.experts, given.gain_out, given.gain_in, given.offset
        to_gates, to_out, to_into, to_offset = sums
        if len(where.axes) == 1:  # a vector is one row, and its gains are of columns
            into, to_into, out, to_out = out, to_out, None, None
            first_row, num_rows, rows = 0, 1, None
            columns, height, width, channels = where.rows, 1, bank.shape[1], bank.shape[1]
        else:
            first_row, num_rows, rows = where.rows
            columns, height, channels = where.columns, bank.shape[1], bank.shape[2]
            width = bank[0, 0].numel()
        arrays = (bank, self.weight, gates, out, into, offset, to_gates, to_out, to_into, to_offset)
        return _LAYOUT.pack(
            *(_address(array) for array in (*arrays, rows, columns.each)),
            *(len(bank), height, width, max(1, width // max(1, channels))),
            *(num_rows, columns.num, first_row, columns.first),
            int(gates is not None and gates.dim() > 1),
        )

    def add_to(self, gradient: Tensor) -> None:
        """Add this, which holds the gradient of a weight, to that of the bank."""
        given, where = self.coefficients, self.where
        gates, gain = (
            sliced_gates(given.experts, where),
            channel_gain(given.gain_out, given.gain_in, where),
        )
        small = self.weight if gain is None else self.weight * spread(gain, self.weight)
        if gates is not None:
            gates = gates.view(*gates.shape, *[1] * (small.dim() + 1 - gates.dim()))
        where.add(gradient, small[None], gates)


def part_of(bank: Tensor, weight: Tensor, coefficients: Coefficients, where: Slice) -> Part | None:
    """A weight as the native part takes it.

    None for those that it does not make: vectors whose neurons have gates of their own, parameters without
    axes, all that are not of single precision on a CPU.
    """
    given = (
        coefficients.experts,
        coefficients.gain_out,
        coefficients.gain_in,
        coefficients.offset,
    )
    tensors = [bank, weight, *(tensor for tensor in given if tensor is not None)]
    if not where.axes or not bank.is_contiguous() or not all(map(is_plain, tensors)):
        return None
    if len(where.axes) == 1 and given[0] is not None and given[0].dim() > 1:
        return None
    own = Coefficients(
        *(None if tensor is None else tensor.detach().contiguous() for tensor in given)
    )
    return Part(bank, weight.contiguous(), own, where)


def is_plain(tensor: Tensor) -> bool:
    """True for single numbers in the memory of a CPU."""
    return (
        tensor.dtype == torch.float32
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
    )


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
