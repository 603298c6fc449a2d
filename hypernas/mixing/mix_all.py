"""The weights of several subnets in one node of autograd's graph."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hypernas.mixing import kernels
from hypernas.mixing.ledger import Ledger, opened, still_open
from hypernas.mixing.mix import (
    PLAIN,
    Coefficients,
    as_rows,
    channel_gain,
    combine,
    dot_products,
    mix,
    sliced_gates,
    spread,
)
from hypernas.mixing.part import Part, Run, is_plain, part_of
from hypernas.mixing.place import Place, Places, whole_bank, whole_coefficients
from hypernas.slicing import Slice
from hypernas.subnet.transforms import traced

_NOTHING = (None, None, None, None)  # places of coefficients of a slice


class _Job(NamedTuple):
    """One parameter of one subnet, and where its tensors are among all that are mixed."""

    bank: Place
    coefficients: tuple[Place | None, ...]  # in the order of the fields of Coefficients
    given: Coefficients
    where: Slice

    def chosen(self, tensors: Sequence[Tensor]) -> Coefficients:
        """The coefficients, as those of some tensors."""
        return Coefficients(
            *(None if own is None else own.of(tensors) for own in self.coefficients)
        )

    @property
    def plain(self) -> bool:
        """True if the weight is a slice and nothing else."""
        return self.coefficients == _NOTHING


def mix_all(
    bank: Callable[[str], Tensor],
    subnets: Sequence[tuple[Mapping[str, Coefficients], Mapping[str, Slice]]],
) -> list[dict[str, Tensor]]:
    """The weights of several subnets, as `mix` makes them, in one node of autograd's graph.

    Small operations would otherwise cost more to record than to compute, and the backward pass of
    every slice would fill a tensor of the bank's size; here each bank has one, which all subnets add
    to. Unlike those of `mix`, weights without coefficients are no views that autograd knows of. Where a
    `Ledger` is open kernels do what they can, and the gradients of banks that the ledger takes are
    noted there and not written.

    Args:
        bank: parameter name -> stack of K tensors; each name is read once.
        subnets: for each, the coefficients of the parameters that have any, and all the slices.
    """
    if traced():
        stacks = {name: bank(name) for _, slices in subnets for name in slices}
        return [
            {n: mix(stacks[n], own.get(n, PLAIN), where) for n, where in slices.items()}
            for own, slices in subnets
        ]
    places, jobs = Places(), []
    banks: dict[str, Tensor] = {}
    read: dict[str, Place] = {}
    for coefficients, slices in subnets:
        for name, where in slices.items():
            if name not in banks:
                banks[name] = bank(name)  # kept, so that no other gets its id
                read[name] = places.place(banks[name], whole_bank)
            own = coefficients.get(name, PLAIN)
            placed = _NOTHING
            if own is not PLAIN:
                given = own.experts, own.gain_out, own.gain_in, own.offset
                placed = tuple(
                    [None if t is None else places.place(t, whole_coefficients) for t in given]
                )
            jobs.append(_Job(read[name], placed, own, where))
    mixed = iter(_MixAll.apply(jobs, *places.tensors))
    return [{name: next(mixed) for name in slices} for _, slices in subnets]


class _MixAll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, jobs: list[_Job], *tensors: Tensor) -> tuple[Tensor, ...]:
        # with a `setup_context` of its own, every call would bind its arguments to a signature
        ctx.jobs = jobs
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        ctx.ledger = opened()
        made = {} if ctx.ledger is None else _mixed_by_kernels(jobs, tensors, ctx.ledger)
        ctx.made = {i: part.coefficients for i, part in made.items()}
        mixed = []
        for i, job in enumerate(jobs):
            if (part := made.get(i)) is not None:
                weight = part.weight
            else:
                weight = mix(job.bank.of(tensors), job.given, job.where)
            mixed.append(weight.detach())
        return tuple(mixed)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        given = [(job, g) for job, g in zip(ctx.jobs, gradients, strict=True) if g is not None]
        if torch.is_grad_enabled():  # this gradient is to be differentiated too
            return None, *_differentiable(given, tensors, ctx.needs_input_grad[1:])
        banks = {job.bank.index for job, _ in given}
        own = {c.index for job, _ in given for c in job.coefficients if c is not None} - banks
        sums: dict[int, Tensor] = {}
        ledger = still_open(ctx.ledger)
        if ledger is not None:
            ledger.begin()
        if own:  # small and many: parts of one tensor, in which kernels want single numbers
            sizes = [tensors[i].numel() for i in own]
            first = given[0][1]
            kind = (
                first.dtype if ledger is None else torch.promote_types(first.dtype, torch.float32)
            )
            parts = first.new_zeros(sum(sizes), dtype=kind).split(sizes)
            for i, part in zip(own, parts, strict=True):
                sums[i] = part.view(tensors[i].shape)
        noted: list[tuple[Part, Sequence[Run | None]]] = []
        made = [ctx.made.get(i) for i, gradient in enumerate(gradients) if gradient is not None]
        for (job, gradient), coefficients in zip(given, made, strict=True):
            part = None
            if ledger is not None and not any(c.index in banks for c in job.coefficients if c):
                part = _noted(job, tensors, gradient, ledger, coefficients)
            if part is None:
                _pull_back(job, tensors, gradient, sums)
            elif not job.plain:
                noted.append((part, [None if c is None else c.run(sums) for c in job.coefficients]))
        for term, squares in kernels.pull_back(noted):
            if ledger is not None:
                ledger.measure(term, squares)
        for i in own:
            if sums[i].dtype != tensors[i].dtype:
                sums[i] = sums[i].to(tensors[i].dtype)
        return None, *(sums.get(i) for i in range(len(tensors)))


def _differentiable(
    given: Sequence[tuple[_Job, Tensor]], tensors: Sequence[Tensor], needed: Sequence[bool]
) -> Iterator[Tensor | None]:
    """Gradients, by autograd, of what is mixed one by one."""
    wanted = [tensor for tensor, own in zip(tensors, needed, strict=True) if own]
    weights = [mix(job.bank.of(tensors), job.chosen(tensors), job.where) for job, _ in given]
    gradients = [gradient for _, gradient in given]
    found = iter(
        torch.autograd.grad(weights, wanted, gradients, create_graph=True, allow_unused=True)
    )
    return (next(found) if own else None for own in needed)


def _mixed_by_kernels(
    jobs: Sequence[_Job], tensors: Sequence[Tensor], ledger: Ledger
) -> dict[int, Part]:
    """Position of a job -> its part, mixed; those are left out that kernels cannot make, or do not pull back, or are views."""
    parts: dict[int, Part] = {}
    for i, job in enumerate(jobs):
        bank = tensors[job.bank.index]
        if job.bank.part is not None or not ledger.takes(bank) or job.plain:
            continue
        part = part_of(bank, bank.new_empty(job.where.shape), job.given, job.where)
        if part is not None:
            parts[i] = part
    kernels.mix(list(parts.values()))
    return parts


def _noted(
    job: _Job,
    tensors: Sequence[Tensor],
    gradient: Tensor,
    ledger: Ledger,
    made: Coefficients | None,  # as kernels mixed with them, if they did
) -> Part | None:
    """The gradient of a weight as a term of its bank's, if a ledger takes that."""
    bank = tensors[job.bank.index]
    if job.bank.part is not None or not ledger.takes(bank):
        return None
    if made is not None and gradient.dtype == bank.dtype and is_plain(gradient):
        part = Part(bank, gradient.contiguous(), made, job.where)
    else:
        part = part_of(bank, gradient, job.chosen(tensors), job.where)
    return part if part is not None and ledger.note(part) else None


def _pull_back(
    job: _Job, tensors: Sequence[Tensor], gradient: Tensor, sums: dict[int, Tensor]
) -> None:
    """Add the gradient of one weight, pulled back, to those of its bank and coefficients."""
    where = job.where
    experts, out, into = (None if c is None else c.of(tensors) for c in job.coefficients[:3])
    to_experts, to_out, to_into, to_offset = (
        None if c is None else c.of(sums) for c in job.coefficients
    )
    if to_offset is not None:
        where.add_along(0, to_offset, gradient)
    if experts is None and out is None and into is None:
        _add_to_bank(job, tensors, gradient, None, sums)
        return
    small, gates = where(job.bank.of(tensors)), sliced_gates(experts, where)
    if gates is not None and gates.dim() == 1:
        small = as_rows(small)
    gain = channel_gain(out, into, where)
    if gain is not None:
        combined = combine(small, gates).view_as(gradient)
        own = None if gates is None else combined  # ours to write to
        along = torch.mul(gradient, combined, out=own)
        along = along.flatten(2).sum(2) if along.dim() > 2 else along.view(len(along), -1)
        if to_out is not None:
            rows = along.sum(1) if into is None else torch.mv(along, where.along(1, into))
            where.add_along(0, to_out, rows)
        if to_into is not None:
            columns = along.sum(0) if out is None else torch.mv(along.T, where.along(0, out))
            where.add_along(1, to_into, columns)
        gradient = torch.mul(gradient, spread(gain, gradient), out=own)
    if gates is not None and to_experts is not None:
        if gates.dim() == 1:
            to_experts.add_(dot_products(small, gradient))
        else:
            rows = gradient.reshape(len(gradient), -1)  # (o, n / o)
            where.add_along(0, to_experts.T, (small.reshape(len(small), *rows.shape) * rows).sum(2))
    _add_to_bank(job, tensors, gradient, gates, sums)


def _add_to_bank(
    job: _Job,
    tensors: Sequence[Tensor],
    gradient: Tensor,
    gates: Tensor | None,
    sums: dict[int, Tensor],
) -> None:
    """Add to the gradient of a bank; the first subnet's is written into one that is new."""
    small, index = gradient[None], job.bank.index
    before = sums.get(index)
    if gates is not None:
        gates = gates.view(*gates.shape, *[1] * (small.dim() - gates.dim()))
    if job.bank.part is not None:
        if before is None:
            before = sums[index] = torch.zeros_like(tensors[index])
        job.where.add(job.bank.of(sums), small, gates)
    elif before is None:
        sums[index] = new = _empty(tensors[index])
        job.where.fill(new, small, gates)
    else:
        job.where.add(before, small, gates)


def _empty(like: Tensor) -> Tensor:
    return torch.empty_like(like, memory_format=torch.contiguous_format)
