"""The network of coefficients in one node of autograd's graph."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hypernas.subnet.transforms import traced

# Legend: N architectures, S that stand for the whole space, M emitted numbers, of which m are of the last
# layer, H hidden units.

_SLOPE = 0.01  # of leaky ReLUs


class Shape(NamedTuple):
    """All but the tensors of what `emit` computes.

    Attributes:
        scale: of hidden units before the last layer.
        places: of the m numbers of the last layer among the M; the others are 1. None where they are all.
        num: M.
    """

    scale: float
    places: Tensor | None
    num: int


def emit(
    shape: Shape,
    trunk: nn.Sequential,  # linear layers, and a leaky ReLU behind each
    encoded: Tensor,  # shape: (N, D)
    space: Tensor | None,  # shape: (S, D); None for no centring
    bias: Tensor,  # shape: (m,)
    weight: Tensor,  # shape: (m, H)
) -> Tensor:  # shape: (N, M)
    """Numbers: bias + weight scale (trunk(encoded) - mean trunk(space)), among ones.

    Its first derivatives are written out, as autograd takes longer to walk through small operations than they do;
    those of a higher order are autograd's, and all are where something looks into the trunk (hooks, torch.func, torch.compile).
    """
    if traced() or any(map(_hooked, trunk.modules())):
        return _last(shape, trunk(_read(encoded, space)), len(encoded), bias, weight)
    layers = [own for layer in list(trunk)[::2] for own in (layer.weight, layer.bias)]
    return _Emission.apply(shape, encoded, space, bias, weight, *layers)


def _hooked(part: nn.Module) -> bool:
    before = part._forward_pre_hooks or part._backward_pre_hooks
    return bool(before or part._forward_hooks or part._backward_hooks)


def _hidden(inputs: Tensor, layers: Sequence[Tensor]) -> list[Tensor]:
    """The inputs, and what each layer makes of them."""
    found = [inputs]
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        found.append(
            nn.functional.leaky_relu(nn.functional.linear(found[-1], weight, bias), _SLOPE)
        )
    return found


def _read(encoded: Tensor, space: Tensor | None) -> Tensor:
    return encoded if space is None else torch.cat([encoded, space])


def _scaled(shape: Shape, hidden: Tensor, num: int) -> Tensor:  # shape: (N, H)
    """Hidden units of the first ones, less the mean of the others."""
    if len(hidden) > num:
        own, space = hidden.split([num, len(hidden) - num])
        hidden = own - space.mean(0)
    return shape.scale * hidden


def _among_ones(shape: Shape, emitted: Tensor) -> Tensor:
    if shape.places is None:
        return emitted
    return emitted.new_ones(len(emitted), shape.num).index_copy(1, shape.places, emitted)


def _last(shape: Shape, hidden: Tensor, num: int, bias: Tensor, weight: Tensor) -> Tensor:
    scaled = _scaled(shape, hidden, num)
    return _among_ones(shape, nn.functional.linear(scaled, weight, bias))


class _Emission(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        shape: Shape,
        encoded: Tensor,
        space: Tensor | None,
        bias: Tensor,
        weight: Tensor,
        *layers: Tensor,
    ) -> Tensor:
        found = _hidden(_read(encoded, space), layers)
        scaled = _scaled(shape, found[-1], len(encoded))
        ctx.shape = shape
        ctx.save_for_backward(encoded, space, bias, weight, *layers)
        ctx.found, ctx.scaled = found, scaled
        return _among_ones(shape, nn.functional.linear(scaled, weight, bias))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        shape: Shape = ctx.shape
        encoded, space, bias, weight, *layers = ctx.saved_tensors
        needed = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # this gradient is to be differentiated too
            hidden = _hidden(_read(encoded, space), layers)[-1]
            emitted = _last(shape, hidden, len(encoded), bias, weight)
            inputs = [encoded, space, bias, weight, *layers]
            wanted = [t for t, own in zip(inputs, needed, strict=True) if own]
            found = iter(torch.autograd.grad(emitted, wanted, gradient, create_graph=True))
            return None, *(next(found) if own else None for own in needed)
        if shape.places is not None:
            gradient = gradient.index_select(1, shape.places)
        made: list[Tensor | None] = [None] * len(needed)
        if needed[2]:
            made[2] = gradient.sum(0)
        if needed[3]:
            made[3] = gradient.t().mm(ctx.scaled)
        if needed[0] or any(needed[4:]):
            own = gradient.mm(weight).mul_(shape.scale)
            if space is not None:
                mean = own.sum(0).div_(-len(space))
                own = torch.cat([own, mean.expand(len(space), -1)])
            for i in range(len(layers) - 2, -1, -2):
                found = ctx.found[i // 2 + 1]
                own = torch.ops.aten.leaky_relu_backward(own, found, _SLOPE, True)
                if needed[4 + i]:
                    made[4 + i] = own.t().mm(ctx.found[i // 2])
                if needed[5 + i]:
                    made[5 + i] = own.sum(0)
                if i or needed[0]:
                    own = own.mm(layers[i])
            if needed[0]:
                made[0] = own[: len(encoded)]
        return None, *made
