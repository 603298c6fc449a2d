"""Sorting channels by importance, so that prefixes keep those that matter."""

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.testing import assert_close

from hypernas.border import checked
from hypernas.generators.mixture import Mixture
from hypernas.generators.selection.channels import Channels, Tied, tied_channels
from hypernas.mixing import PLAIN, Coefficients
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import named_tensors, part_at
from hypernas.subnet.supernet import Supernet


@checked
@torch.no_grad()
def sort_channels(
    generator: Mixture,
    *,
    channels: Sequence[Tied],
    inputs: Any = None,
    output: str | int | None = None,
) -> dict[str, Tensor]:
    """Reorder tied channels, in place, by falling importance; the largest subnet stays the same.

    The importance of a channel is the L1 norm of what reads it in the largest subnet, as in
    Once-for-All before widths become elastic (Cai et al., 2020, arXiv 1908.09791, section 3.3); of
    what writes it, where no linear layer or convolution of the group reads it. Smaller subnets
    change: they now hold the most important channels. An optimizer's memory of the parameters is
    not reordered: start a new one.

    Args:
        channels: which axes run over the same channels, all of them: see `tied_channels`.
        inputs: of a batch, on which the largest subnet is compared before and after; None for none.
        output: name or position of what is compared of the outputs, where others hold the channels
            themselves, as hidden states do; None for all of them.

    Returns:
        First axis of each group -> the former places of its channels, shape (size,).

    Raises:
        ValueError: if channels cannot be tied as given, a weight of theirs is not a bank's own
            parameter or has coefficients for single channels, or the outputs on `inputs` changed
            because some axis is missing from `channels`. Nothing is changed then.
    """
    supernet = Supernet(generator.space)
    groups = tied_channels(supernet, channels)
    _check(generator, supernet, groups)
    before = None if inputs is None else _outputs(generator, inputs, output)
    weights: dict[str, Tensor] = {}
    for reference in generator.space.references():
        weights = {**dict(generator.export(reference).named_parameters()), **weights}
    orders = {group.name: _order(supernet, group, weights) for group in groups}
    _reorder(generator, supernet, groups, orders)
    if inputs is None:
        return orders
    try:
        assert_close(_outputs(generator, inputs, output), before, rtol=1e-4, atol=1e-5)
    except AssertionError as error:
        undo = {name: order.argsort() for name, order in orders.items()}
        _reorder(generator, supernet, groups, undo)
        raise ValueError(
            "sorting changed the outputs of the largest subnet, so `channels` lacks some axis over "
            f"the channels it names, or some of the outputs are these channels (then name what has to stay, "
            f"output=...); nothing was sorted. {error}"
        ) from None
    return orders


def _order(supernet: Supernet, group: Channels, weights: dict[str, Tensor]) -> Tensor:
    """The channels of a group, the most important first."""
    matrices = [(n, i) for n, i in group.axes if n in supernet.shapes and weights[n].dim() > 1]
    readers = [(n, i) for n, i in matrices if i == _input_axis(supernet.owner(n))]
    if not matrices:
        raise ValueError(f"{group.name}: no matrix runs over these channels, to go by its size.")
    sizes = [weights[n].abs().movedim(i, 0).flatten(1).sum(1) for n, i in readers or matrices]
    return reduce(torch.add, sizes).argsort(descending=True, stable=True)


def _input_axis(owner: nn.Module) -> int | None:
    if isinstance(owner, nn.Linear | _ConvNd):
        return 0 if getattr(owner, "transposed", False) else 1
    return None


def _reorder(
    generator: Mixture, supernet: Supernet, groups: list[Channels], orders: dict[str, Tensor]
) -> None:
    statistics: dict[str, Tensor] = {}
    for reference in generator.space.references():  # in which those are whole
        statistics = {**generator.statistics(reference).tensors, **statistics}
    for group in groups:
        for name, axis in group.axes:
            weight = name in supernet.shapes
            tensor = generator.bank(name) if weight else statistics[name]
            tensor.copy_(tensor.index_select(axis + weight, orders[group.name]))


def _outputs(generator: Mixture, inputs: Any, output: str | int | None) -> dict[str, Tensor]:
    """Those of the largest subnet, with the running statistics, that have to stay the same."""
    given = Arguments.of(inputs)
    module = generator.export(generator.space.largest())
    outputs = module(*given.positional, **given.keywords)
    found = dict(named_tensors(outputs if output is None else part_at(outputs, output)))
    if not found:
        names = [name for name, _ in named_tensors(outputs)]
        raise ValueError(
            f"output: expected one of the outputs, of which the tensors are {names}, got {output!r}."
        )
    return found


def _check(generator: Mixture, supernet: Supernet, groups: list[Channels]) -> None:
    """Refuse what would leave something behind."""
    uses = Counter(id(generator.bank(name)) for name in supernet.shapes)
    wrong = []
    references = generator.space.references()
    coefficients = [generator.coefficients(reference) for reference in references]
    for name, axis in (member for group in groups for member in group.axes):
        if name not in supernet.shapes:
            continue
        bank = generator.bank(name)
        own = isinstance(bank, nn.Parameter) and bank.shape[1:] == supernet.shapes[name]
        if not own or uses[id(bank)] > 1:
            wrong.append(f"{name}: its bank is not a parameter of its own")
        elif any(_by_channel(found.get(name, PLAIN), axis) for found in coefficients):
            wrong.append(f"{name}: single channels have coefficients, which would stay behind")
    if wrong:
        raise ValueError("these channels cannot be sorted:\n  " + "\n  ".join(wrong))


def _by_channel(coefficients: Coefficients, axis: int) -> bool:
    experts = coefficients.experts
    if axis == 0:
        rows = experts is not None and experts.dim() > 1
        return rows or coefficients.gain_out is not None or coefficients.offset is not None
    return axis == 1 and coefficients.gain_in is not None
