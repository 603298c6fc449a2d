"""Layers as functions, for passes that are so small that looking up their tensors is a part of the time."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

Function = Callable[[Tensor], Tensor]


def bound(layer: nn.Module) -> Function:
    """A layer as a function that looks up its tensors now, and not at every call.

    A linear layer or a layer norm becomes a call of torch's own function; one that has hooks, or is of another class, such as a
    quantized one, stays as it is.
    """
    hooked = layer._forward_hooks or layer._forward_pre_hooks
    if type(layer) is nn.Linear and not hooked:
        weight, bias = layer.weight, layer.bias
        return lambda x: linear(x, weight, bias)
    if type(layer) is nn.LayerNorm and not hooked:
        shape, weight, bias, eps = layer.normalized_shape, layer.weight, layer.bias, layer.eps
        return lambda x: layer_norm(x, shape, weight, bias, eps)
    return layer
