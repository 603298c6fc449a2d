"""The weight of one parameter: W = gain_out ⊙ gain_in ⊙ Σ_k c_k B_k [slice] + offset."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hypernas.slicing import Slice

# Legend: K entries of a bank, O output and I input channels of the largest shape,
# o and i those of the subnet, R whatever axes are left.


_COPIED = 2**16  # numbers of sliced banks that are copied rather than read in place


@dataclass(frozen=True)
class Coefficients:
    """Factors of the bank of one parameter. Everything is given for the largest shape.

    Attributes:
        experts: weights of the bank's entries, shape (K,), or (O, K) for one row a neuron.
            None stands for ones, and then K must be 1.
        gain_out: factors of the output channels, shape (O,).
        gain_in: factors of the input channels, shape (I,).
        offset: added to a vector (a bias or the scale of a norm), shape (O,).
    """

    experts: Tensor | None = None
    gain_out: Tensor | None = None
    gain_in: Tensor | None = None
    offset: Tensor | None = None


PLAIN = Coefficients()


def mix(
    bank: Tensor,  # shape: (K, O, I, *R), or (K, O) for a vector
    coefficients: Coefficients,
    where: Slice,
) -> Tensor:  # shape: (o, i, *r), or (o,)
    """The weight of a subnet. With one entry and no coefficients it is a view of the bank."""
    gates = sliced_gates(coefficients.experts, where)
    weight = combine(where(bank), gates)
    gain = channel_gain(coefficients.gain_out, coefficients.gain_in, where)
    if gain is not None:
        # a sum is ours to write to, unless autograd wants it as it is
        out = None if gates is None or torch.is_grad_enabled() else weight
        weight = torch.mul(weight, spread(gain, weight), out=out)
    if coefficients.offset is not None:
        weight = weight + where.along(0, coefficients.offset)
    return weight


def sliced_gates(experts: Tensor | None, where: Slice) -> Tensor | None:  # shape: (K,) or (K, o)
    """The gates of a subnet's neurons, or those of all of them."""
    return where.along(0, experts.T) if experts is not None and experts.dim() > 1 else experts


def combine(small: Tensor, gates: Tensor | None) -> Tensor:
    """Σ_k c_k B_k of sliced banks, shape (K, o, i, *r) or (K, o), and gates."""
    if gates is None:
        (weight,) = small.unbind(0)
        return weight
    if gates.dim() > 1:
        rows = small.flatten(2) if small.dim() > 2 else small[..., None]
        return torch.einsum("ko,kor->or", gates, rows).view(small.shape[1:])
    rows = as_rows(small)
    if rows.dim() == 2:
        return torch.mv(rows.T, gates).view(small.shape[1:])
    each = torch.bmm(gates.expand(rows.shape[1], 1, -1), rows.transpose(0, 1))  # (o, 1, r)
    return each.view(small.shape[1:])


def dot_products(small: Tensor, gradient: Tensor) -> Tensor:  # shape: (K,)
    """Σ over all axes but the first of sliced banks times a gradient, shape (o, i, *r) or (o,)."""
    rows = as_rows(small)
    if rows.dim() == 2:
        return torch.mv(rows, gradient.reshape(-1))
    each = torch.bmm(gradient.reshape(rows.shape[1], 1, -1), rows.permute(1, 2, 0))  # (o, 1, K)
    return each.sum((0, 1))


def as_rows(small: Tensor) -> Tensor:
    """Sliced banks as a matrix (K, n) where that takes no copy, or one that fits in a cache.

    Else as (K, o, r), for products of batches that read slices where they are: a copy of K slices would
    take longer than to add them up, and as much memory as they have.
    """
    if small.numel() <= _COPIED or small[0].is_contiguous():
        return small.reshape(len(small), -1)
    return small.flatten(2)


def channel_gain(out: Tensor | None, into: Tensor | None, where: Slice) -> Tensor | None:
    """Factors of the channels of a subnet, shape (o,), (1, i) or (o, i)."""
    if into is None:
        return None if out is None else where.along(0, out)
    gain_in = where.along(1, into)
    return gain_in[None] if out is None else torch.outer(where.along(0, out), gain_in)


def spread(factors: Tensor, over: Tensor) -> Tensor:
    """Factors of the first axes of a tensor, with as many axes as it has."""
    return factors.view(*factors.shape, *[1] * (over.dim() - factors.dim()))
