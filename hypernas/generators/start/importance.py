"""Importance of channels: by the size of their weights, what runs through them, or what they are for the loss."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from hypernas.generators.start.factors import Factor
from hypernas.subnet.arguments import Arguments

Importance = Literal["l1", "l2", "activation", "taylor"]
Groups = Sequence[Sequence[Factor]]


def importance(
    module: nn.Module,
    groups: Groups,
    by: Importance,
    *,
    batches: Iterable[Any] = (),
    loss: Callable[[Any, Any], Tensor] | None = None,
) -> list[Tensor]:  # of each group, shape (size,)
    """The importance of the channels of each group: their shares in each matrix that has them, summed.

        l1, l2       Σ |w|, √Σ w²          of the channel's weights in a matrix
        activation   Σ |w| √mean x²        of a linear layer or convolution that reads it (x its input)
        taylor       mean |Σ w ∂L/∂w|      what the loss would change by without it, to first order

    Activation is after Sun et al. ("Wanda", 2023, arXiv 2306.11695), Taylor after Molchanov et al.
    (2019, arXiv 1906.10771), with means of magnitudes over batches.

    Args:
        module: in evaluation mode.
        batches: (inputs, targets), as of a data set; for activation and taylor.
        loss: (outputs, targets) -> shape (); for taylor.

    Raises:
        ValueError: if `by` is unknown, batches or a loss are missing, or no known layer reads a group.
    """
    weights = {name: parameter.detach() for name, parameter in module.named_parameters()}
    match by:
        case "l1":
            sizes = {name: weight.abs() for name, weight in weights.items()}
            return [_summed(group, sizes) for group in groups]
        case "l2":
            squares = {name: weight.square() for name, weight in weights.items()}
            return [_summed(group, squares, torch.sqrt) for group in groups]
        case "activation":
            return _activations(module, groups, _present(batches, by))
        case "taylor":
            if loss is None:
                raise ValueError(
                    "by='taylor' needs a loss: (outputs, targets) -> a tensor of shape ()."
                )
            return _taylor(module, groups, _present(batches, by), loss)
    raise ValueError(f"by must be l1, l2, activation or taylor, got {by!r}.")


def _present(batches: Iterable[Any], by: str) -> list[Any]:
    found = list(batches)
    if not found:
        raise ValueError(f"by={by!r} needs batches of (inputs, targets), got none.")
    return found


def _summed(
    group: Sequence[Factor],
    values: dict[str, Tensor],
    then: Callable[[Tensor], Tensor] = lambda sums: sums,
) -> Tensor:  # shape: (size,)
    """Shares of each channel, over the matrices of a group; over vectors where it has no other.

    Shares, so that a matrix counts as much as another of more or larger entries.
    """
    own = [factor for factor in group if factor.name in values]
    matrices = [factor for factor in own if values[factor.name].dim() > 1] or own
    found = torch.stack([then(f.sums(values[f.name].double())) for f in matrices])
    return (found / found.sum(1, keepdim=True).clamp(min=1e-30)).sum(0)


def _taylor(
    module: nn.Module, groups: Groups, batches: list[Any], loss: Callable[[Any, Any], Tensor]
) -> list[Tensor]:
    parameters = dict(module.named_parameters())
    trained = {name: p for name, p in parameters.items() if p.requires_grad}
    totals = [torch.zeros(group[0].size).double() for group in groups]
    for inputs, targets in batches:
        given = Arguments.of(inputs)
        with torch.enable_grad():
            value = loss(module(*given.positional, **given.keywords), targets)
            found = torch.autograd.grad(value, list(trained.values()), allow_unused=True)
        changes = {
            name: parameter.detach() * gradient
            for (name, parameter), gradient in zip(trained.items(), found, strict=True)
            if gradient is not None
        }
        for total, group in zip(totals, groups, strict=True):
            total += _summed(group, changes, torch.abs).cpu() / len(batches)
    return totals


def _activations(module: nn.Module, groups: Groups, batches: list[Any]) -> list[Tensor]:
    readers = [[f for f in group if _reads(module, f)] for group in groups]
    if unread := [
        str(group[0].name) for group, own in zip(groups, readers, strict=True) if not own
    ]:
        raise ValueError(
            f"no linear layer or convolution without groups reads the channels of {unread}, so that "
            f"their activations are not known. Give by='taylor' or by='l1'."
        )
    squares: dict[str, Tensor] = {}
    handles = [
        _owner(module, name).register_forward_pre_hook(_adder(squares, name))
        for name in {factor.name for own in readers for factor in own}
    ]
    try:
        with torch.no_grad():
            for inputs, _ in batches:
                given = Arguments.of(inputs)
                module(*given.positional, **given.keywords)
    finally:
        for handle in handles:
            handle.remove()
    scaled = {name: _scaled(module.get_parameter(name), found) for name, found in squares.items()}
    return [_summed(own, scaled) for own in readers]


def _reads(module: nn.Module, factor: Factor) -> bool:
    """True for the input axis of a linear layer or of a convolution without groups."""
    owner = _owner(module, factor.name)
    if isinstance(owner, nn.Linear):
        return factor.axis == 1
    transposed = getattr(owner, "transposed", False)
    return (
        isinstance(owner, _ConvNd) and owner.groups == 1 and factor.axis == (0 if transposed else 1)
    )


def _owner(module: nn.Module, name: str) -> nn.Module:
    return module.get_submodule(name.rpartition(".")[0])


def _adder(squares: dict[str, Tensor], name: str) -> Callable[..., None]:
    def add(owner: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].detach().double()
        channels = x.movedim(1 if isinstance(owner, _ConvNd) else -1, 0).flatten(1)
        squares[name] = squares.get(name, 0) + channels.square().mean(1)

    return add


def _scaled(weight: Tensor, squares: Tensor) -> Tensor:
    """|w| √x² of a matrix whose axis of inputs runs over those of x."""
    axis = 1 if weight.shape[1] == len(squares) else 0
    shape = [len(squares) if i == axis else 1 for i in range(weight.dim())]
    return weight.detach().abs().double() * squares.sqrt().view(shape)
