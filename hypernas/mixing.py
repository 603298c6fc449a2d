"""W = gain_out ⊙ gain_in ⊙ Σ_k c_k B_k [slice] + offset: the one hot loop of the library."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hypernas.slicing import Slice

# Legend: K entries of a bank, O output and I input channels of the largest shape,
# o and i those of the subnet, R whatever axes are left.


@dataclass(frozen=True)
class Coefficients:
    """What multiplies the bank of one parameter. Everything is given for the largest shape.

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
    small = where(bank)
    experts = coefficients.experts
    if experts is None:
        (weight,) = small.unbind(0)
    elif experts.dim() == 1:
        weight = torch.matmul(experts, small.reshape(len(small), small[0].numel())).view(
            small.shape[1:]
        )
    else:
        gates = where.along(0, experts.T)  # (K, o)
        weight = torch.einsum(
            "ko,kor->or", gates, small.flatten(2) if small.dim() > 2 else small[..., None]
        )
        weight = weight.view(small.shape[1:])
    if coefficients.gain_out is not None:
        gain = where.along(0, coefficients.gain_out)
        weight = weight * gain.view(-1, *[1] * (weight.dim() - 1))
    if coefficients.gain_in is not None:
        gain = where.along(1, coefficients.gain_in)
        weight = weight * gain.view(1, -1, *[1] * (weight.dim() - 2))
    if coefficients.offset is not None:
        weight = weight + where.along(0, coefficients.offset)
    return weight
