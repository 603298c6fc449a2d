"""Removal of the channels that masks leave zero: a smaller module of the same class, found by what is dead."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.masks.consensus.channels import Mask
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.difference import difference
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.structure import map_tensors, tensors

_SIZES = {  # attribute of a layer -> axis of its weight that it tells
    "out_features": 0,
    "in_features": 1,
    "out_channels": 0,
    "in_channels": 1,
    "num_features": 0,
    "num_channels": 0,
}


def remove(network: nn.Module, example: Any) -> nn.Module:
    """Cut away the channels that the masks of a network leave zero, and all that only they used.

    An entry of a parameter is dead if the outputs do not depend on it under the masks, and do without them. This is
    read off gradients of a copy with random positive weights, on positive inputs, so that no entry is dead by chance.
    An index of an axis, all of whose entries are dead or never used, is cut out of the parameter, and of the norm
    statistics beside it.

    Args:
        network: with hooks that are `Mask`; it may be changed.
        example: inputs of a batch.

    Raises:
        ValueError: if the outputs of what is left are not those under the masks: where a channel that is zero
            still has an effect, as before a norm or in the mean of a layer norm.
    """
    masked = [part for part in network.modules() if _masks(part)]
    if not masked:
        return network
    arguments = Arguments.of(example)
    smaller = copy.deepcopy(network)
    left = _left(network, arguments)
    for part in smaller.modules():
        for key in _masks(part):
            del part._forward_hooks[key]
    for name, axes in left.items():
        _cut(smaller, name, axes)
    _check(network, smaller, arguments)
    return smaller


def _masks(part: nn.Module) -> list[int]:
    return [key for key, hook in part._forward_hooks.items() if isinstance(hook, Mask)]


def _left(network: nn.Module, arguments: Arguments) -> dict[str, list[Tensor]]:
    """Name of each parameter that is cut -> for each axis, the indices that stay."""
    probe = copy.deepcopy(network).double().eval()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in probe.named_parameters():
            parameter.requires_grad_().uniform_(0.5, 1.5, generator=rng)
            # small enough that nothing saturates, such as the gates of squeeze-and-excitation
            if parameter.dim() > 1:
                parameter.div_(2 * parameter[0].numel())
            elif not name.endswith("weight"):
                parameter.mul_(0.01)
        for name, buffer in norm_statistics(probe).items():
            buffer.fill_(0.0 if name.endswith("mean") else 1.0)

    def positive(x: Tensor) -> Tensor:
        if not x.is_floating_point():
            return x
        return torch.rand(x.shape, generator=rng, dtype=torch.float64) + 0.5

    positives = map_tensors(positive, arguments)
    off = _gradients(probe, positives)
    for part in probe.modules():
        for key in _masks(part):
            del part._forward_hooks[key]
    on = _gradients(probe, positives)
    found = {}
    for name, gradient in off.items():
        axes = []
        for axis in range(gradient.dim()):
            dead = _rows(gradient, axis).eq(0).all(1)
            used = _rows(on[name], axis).ne(0).any(1)
            axes.append((~(dead & used)).nonzero().flatten())
        if any(len(own) < size for own, size in zip(axes, gradient.shape, strict=True)):
            found[name] = axes
    return found


def _rows(x: Tensor, axis: int) -> Tensor:  # a row for each index of the axis
    return x.movedim(axis, 0).reshape(x.shape[axis], -1)


def _gradients(network: nn.Module, arguments: Arguments) -> dict[str, Tensor]:
    """Those of a random combination of all outputs."""
    network.zero_grad()
    rng = torch.Generator().manual_seed(1)
    outputs = network(*arguments.positional, **arguments.keywords)
    every = [x for x in tensors(outputs) if x.is_floating_point()]
    parts = [(x * torch.rand(x.shape, generator=rng, dtype=x.dtype)).sum() for x in every]
    torch.stack(parts).sum().backward()
    return {
        name: torch.zeros_like(own) if own.grad is None else own.grad.clone()
        for name, own in network.named_parameters()
    }


@torch.no_grad()
def _cut(network: nn.Module, name: str, axes: list[Tensor]) -> None:
    """Leave some indices of a parameter, and tell its layer."""
    path, _, own = name.rpartition(".")
    layer = network.get_submodule(path)
    whole = layer.get_parameter(own)
    smaller = whole.detach()
    for axis, left in enumerate(axes):
        smaller = smaller.index_select(axis, left.to(smaller.device))
    setattr(layer, own, nn.Parameter(smaller.clone(), whole.requires_grad))
    if own != "weight":
        return
    for buffer, values in layer.named_buffers(recurse=False):
        if values.shape[:1] == whole.shape[:1]:
            setattr(layer, buffer, values[axes[0].to(values.device)].clone())
    groups = getattr(layer, "groups", 1)
    if groups > 1 and groups == len(whole):  # depthwise
        groups = len(smaller)
        setattr(layer, "groups", groups)  # noqa: B010 - whose type torch does not tell
    for attribute, axis in _SIZES.items():
        if isinstance(getattr(layer, attribute, None), int) and smaller.dim() > axis:
            setattr(layer, attribute, smaller.shape[axis] * (groups if axis else 1))


@torch.no_grad()
def _check(network: nn.Module, smaller: nn.Module, arguments: Arguments) -> None:
    """Refuse a smaller module that computes something else."""
    why = "it cannot be run"
    try:
        expected = network.eval()(*arguments.positional, **arguments.keywords)
        found = smaller.eval()(*arguments.positional, **arguments.keywords)
        pairs = zip(tensors(expected), tensors(found), strict=True)
        apart = max((difference(y, x, least=1e-30) for x, y in pairs), default=0.0)
        if apart < 1e-4:
            return
        why = f"outputs differ by {apart:.1e} of their largest"
    except (RuntimeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
    raise ValueError(
        f"channels whose gates are off cannot be removed from {type(network).__name__}: {why}. A channel that is zero "
        f"must have no effect: put gates behind norms (modules='*norm'), and not where a layer norm, a softmax or a sigmoid "
        f"reads the channels."
    )
