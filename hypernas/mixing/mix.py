"""W = gain_out ⊙ gain_in ⊙ Σ_k c_k B_k [slice] + offset: the one hot loop of the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hypernas.slicing import Slice

# Legend: K entries of a bank, O output and I input channels of the largest shape,
# o and i those of the subnet, R whatever axes are left.


_COPIED = 2**16  # numbers of sliced banks that are copied rather than read in place


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
    gates = _gates(coefficients.experts, where)
    weight = _combined(where(bank), gates)
    gain = _gain(coefficients.gain_out, coefficients.gain_in, where)
    if gain is not None:
        # a sum is ours to write to, unless autograd wants it as it is
        out = None if gates is None or torch.is_grad_enabled() else weight
        weight = torch.mul(weight, _spread(gain, weight), out=out)
    if coefficients.offset is not None:
        weight = weight + where.along(0, coefficients.offset)
    return weight


def _gates(experts: Tensor | None, where: Slice) -> Tensor | None:  # shape: (K,) or (K, o)
    return where.along(0, experts.T) if experts is not None and experts.dim() > 1 else experts


def _combined(small: Tensor, gates: Tensor | None) -> Tensor:
    """Σ_k c_k B_k of sliced banks, shape (K, o, i, *r) or (K, o), and gates."""
    if gates is None:
        (weight,) = small.unbind(0)
        return weight
    if gates.dim() > 1:
        rows = small.flatten(2) if small.dim() > 2 else small[..., None]
        return torch.einsum("ko,kor->or", gates, rows).view(small.shape[1:])
    rows = _rows(small)
    if rows.dim() == 2:
        return torch.mv(rows.T, gates).view(small.shape[1:])
    each = torch.bmm(gates.expand(rows.shape[1], 1, -1), rows.transpose(0, 1))  # (o, 1, r)
    return each.view(small.shape[1:])


def _dots(small: Tensor, gradient: Tensor) -> Tensor:  # shape: (K,)
    """Σ over all axes but the first of sliced banks times a gradient, shape (o, i, *r) or (o,)."""
    rows = _rows(small)
    if rows.dim() == 2:
        return torch.mv(rows, gradient.reshape(-1))
    each = torch.bmm(gradient.reshape(rows.shape[1], 1, -1), rows.permute(1, 2, 0))  # (o, 1, K)
    return each.sum((0, 1))


def _rows(small: Tensor) -> Tensor:
    """Sliced banks as a matrix (K, n) where that takes no copy, or one that fits in a cache.

    Else as (K, o, r), for products of batches that read slices where they are: a copy of K slices would
    take longer than to add them up, and as much memory as they have.
    """
    if small.numel() <= _COPIED or small[0].is_contiguous():
        return small.reshape(len(small), -1)
    return small.flatten(2)


def _gain(out: Tensor | None, into: Tensor | None, where: Slice) -> Tensor | None:
    """Factors of the channels of a subnet, shape (o,), (1, i) or (o, i)."""
    if into is None:
        return None if out is None else where.along(0, out)
    gain_in = where.along(1, into)
    return gain_in[None] if out is None else torch.outer(where.along(0, out), gain_in)


def _spread(factors: Tensor, over: Tensor) -> Tensor:
    """Factors of the first axes of a tensor, with as many axes as it has."""
    return factors.view(*factors.shape, *[1] * (over.dim() - factors.dim()))


class _Job(NamedTuple):
    """One parameter of one subnet, with the positions of its tensors among all that are mixed."""

    bank: int
    coefficients: tuple[int | None, ...]  # in the order of the fields of Coefficients
    where: Slice


def mix_all(
    banks: Mapping[str, Tensor],
    subnets: Sequence[tuple[Mapping[str, Coefficients], Mapping[str, Slice]]],
) -> list[dict[str, Tensor]]:
    """The weights of several subnets, as `mix` makes them, in one node of autograd's graph.

    Small operations would otherwise cost more to record than to compute, and the backward pass of
    every slice would fill a tensor of the bank's size; here each bank has one, which all subnets add
    to. Unlike those of `mix`, weights without coefficients are no views that autograd knows of.

    Args:
        banks: parameter name -> bank.
        subnets: for each, the coefficients of the parameters that have any, and all the slices.
    """
    tensors: list[Tensor] = []
    position: dict[int, int] = {}

    def place(tensor: Tensor | None) -> int | None:
        if tensor is None:
            return None
        if id(tensor) not in position:
            position[id(tensor)] = len(tensors)
            tensors.append(tensor)
        return position[id(tensor)]

    jobs = []
    for coefficients, slices in subnets:
        for name, where in slices.items():
            own = coefficients.get(name, PLAIN)
            placed = place(own.experts), place(own.gain_out), place(own.gain_in), place(own.offset)
            jobs.append(_Job(place(banks[name]), placed, where))
    mixed = iter(_MixAll.apply(jobs, *tensors))
    return [{name: next(mixed) for name in slices} for _, slices in subnets]


class _MixAll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, jobs: list[_Job], *tensors: Tensor) -> tuple[Tensor, ...]:
        # with a `setup_context` of its own, every call would bind its arguments to a signature
        ctx.jobs = jobs
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return tuple(_mixed(job, tensors).detach() for job in jobs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        given = [(job, g) for job, g in zip(ctx.jobs, gradients, strict=True) if g is not None]
        if torch.is_grad_enabled():  # this gradient is to be differentiated too
            wanted = [
                t for t, needed in zip(tensors, ctx.needs_input_grad[1:], strict=True) if needed
            ]
            weights = [_mixed(job, tensors) for job, _ in given]
            found = iter(
                torch.autograd.grad(
                    weights, wanted, [g for _, g in given], create_graph=True, allow_unused=True
                )
            )
            return None, *(next(found) if needed else None for needed in ctx.needs_input_grad[1:])
        banks = {job.bank for job, _ in given}
        own = {i for job, _ in given for i in job.coefficients if i is not None} - banks
        sums: list[Tensor | None] = [None] * len(tensors)
        if own:  # small and many: parts of one tensor
            sizes = [tensors[i].numel() for i in own]
            parts = given[0][1].new_zeros(sum(sizes)).split(sizes)
            for i, part in zip(own, parts, strict=True):
                sums[i] = part.view(tensors[i].shape)
        for job, gradient in given:
            _pull_back(job, tensors, gradient, sums)
        return None, *sums


def _mixed(job: _Job, tensors: Sequence[Tensor]) -> Tensor:
    chosen = (None if i is None else tensors[i] for i in job.coefficients)
    return mix(tensors[job.bank], Coefficients(*chosen), job.where)


def _pull_back(
    job: _Job, tensors: Sequence[Tensor], gradient: Tensor, sums: list[Tensor | None]
) -> None:
    """Add what the gradient of one weight makes of those of its bank and coefficients."""
    where = job.where
    experts, out, into, offset = (None if i is None else tensors[i] for i in job.coefficients)
    to_experts, to_out, to_into, to_offset = (
        None if i is None else sums[i] for i in job.coefficients
    )
    if offset is not None:
        where.add_along(0, to_offset, gradient)
    if experts is None and out is None and into is None:
        _add_to_bank(job, tensors, gradient, None, sums)
        return
    small, gates = where(tensors[job.bank]), _gates(experts, where)
    if gates is not None and gates.dim() == 1:
        small = _rows(small)
    if out is not None or into is not None:
        combined = _combined(small, gates).view_as(gradient)
        own = None if gates is None else combined  # ours to write to
        along = torch.mul(gradient, combined, out=own)
        along = along.flatten(2).sum(2) if along.dim() > 2 else along.view(len(along), -1)
        gain = _gain(out, into, where)
        if into is None:
            where.add_along(0, to_out, along.sum(1))
        elif out is None:
            where.add_along(1, to_into, along.sum(0))
        else:
            where.add_along(0, to_out, torch.mv(along, where.along(1, into)))
            where.add_along(1, to_into, torch.mv(along.T, where.along(0, out)))
        gradient = torch.mul(gradient, _spread(gain, gradient), out=own)
    if gates is not None and gates.dim() == 1:
        to_experts.add_(_dots(small, gradient))
    elif gates is not None:
        rows = gradient.reshape(len(gradient), -1)  # (o, n / o)
        where.add_along(0, to_experts.T, (small.reshape(len(small), *rows.shape) * rows).sum(2))
    _add_to_bank(job, tensors, gradient, gates, sums)


def _add_to_bank(
    job: _Job,
    tensors: Sequence[Tensor],
    gradient: Tensor,
    gates: Tensor | None,
    sums: list[Tensor | None],
) -> None:
    """Add to the gradient of a bank; the first subnet's is written into one that is new."""
    small, before = gradient[None], sums[job.bank]
    if gates is not None:
        gates = gates.view(*gates.shape, *[1] * (small.dim() - gates.dim()))
    if before is None:
        sums[job.bank] = new = _empty(tensors[job.bank])
        job.where.fill(new, small, gates)
    else:
        job.where.add(before, small, gates)


def _empty(like: Tensor) -> Tensor:
    return torch.empty_like(like, memory_format=torch.contiguous_format)
