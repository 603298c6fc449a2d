"""Rules: bounds of what a function of torch computes of bounds."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.certification.bounds import Bounds

Rule = Callable[..., Bounds]  # function, its arguments with bounds in place of intervals


class Unbounded(ValueError):
    """An operation of which interval propagation knows no bounds."""


def never_falling(function: Callable[..., Tensor], x: Any, *args: Any, **options: Any) -> Bounds:
    """Of a function that never falls in its first argument, or moves its entries: each end by itself."""
    others = [*args, *options.values()]
    if not isinstance(x, Bounds) or any(isinstance(one, Bounds) for one in others):
        raise refusal(function, "of an interval behind another argument")
    return x.each(lambda one: function(one, *args, **options))


def bent(function: Callable[..., Tensor], x: Bounds, *args: float, **options: float) -> Bounds:
    """Of an activation that never falls unless its number, a slope or a size, is below 0."""
    numbers = [*args, *options.values()]
    if len(numbers) > 1 or any(number < 0 for number in numbers):
        raise refusal(function, f"that may fall, as with {numbers}")
    return never_falling(function, x, *args, **options)


def softplus(
    function: Callable[..., Tensor], x: Bounds, beta: float = 1.0, threshold: float = 20.0
) -> Bounds:
    """Of log(1 + exp(beta x)) / beta, which jumps down to a line at a threshold that is not high."""
    if beta <= 0 or threshold < 20:
        raise refusal(function, f"that may fall, as with beta={beta} and threshold={threshold}")
    return never_falling(function, x, beta, threshold)


def averaged(function: Callable[..., Tensor], x: Bounds, *args: Any, **options: Any) -> Bounds:
    """Of a mean over windows, whatever is positive that they are divided by."""
    divisor = args[5] if len(args) > 5 else options.get("divisor_override")
    if divisor is not None and divisor < 0:
        raise refusal(function, f"that falls, as with divisor_override={divisor}")
    return never_falling(function, x, *args, **options)


def affine(
    function: Callable[..., Tensor],
    x: Any,
    weight: Any,
    bias: Tensor | None = None,
    *args: Any,
    **options: Any,
) -> Bounds:
    """Of W x + b: the center as x itself, the radius by |W| (Gowal et al., 2018, arXiv 1810.12715)."""
    if isinstance(weight, Bounds) or isinstance(bias, Bounds) or not isinstance(x, Bounds):
        raise refusal(function, "whose weights are intervals")
    return Bounds.around(
        function(x.value, weight, bias, *args, **options),
        function(x.center, weight, bias, *args, **options),
        function(x.radius, weight.abs(), None, *args, **options),
    )


def product(function: Callable[..., Tensor], x: Any, y: Any) -> Bounds:
    """Of a product, of matrices or entry by entry, of which one factor is no interval."""
    if isinstance(x, Bounds) and isinstance(y, Bounds):
        raise refusal(function, "of two intervals")
    if isinstance(y, Bounds):
        return _times(lambda one, factor: function(factor, one), y, x)
    return _times(function, x, y)


def _times(function: Callable[..., Tensor], x: Bounds, factor: Any) -> Bounds:
    signed = isinstance(factor, Tensor) and factor.dtype != torch.bool
    size = factor.abs() if signed else factor if isinstance(factor, Tensor) else abs(factor)
    return Bounds.around(
        function(x.value, factor), function(x.center, factor), function(x.radius, size)
    )


def quotient(function: Callable[..., Tensor], x: Any, y: Any) -> Bounds:
    """Of an interval over a number."""
    if isinstance(y, Bounds):
        raise refusal(function, "by an interval")
    return _times(function, x, y)


def addition(function: Callable[..., Tensor], x: Any, y: Any, *, alpha: float = 1.0) -> Bounds:
    """Of a sum of two intervals, or of an interval and a number."""
    y = _scaled(y, alpha)
    pairs = zip(_three(x), _three(y), strict=True)
    return Bounds(*(torch.add(one, other) for one, other in pairs))


def subtraction(function: Callable[..., Tensor], x: Any, y: Any, *, alpha: float = 1.0) -> Bounds:
    """Of a difference: what is taken away turns its ends around."""
    return addition(function, x, _scaled(y, -alpha))


def reversed_subtraction(function: Callable[..., Tensor], x: Any, y: Any) -> Bounds:
    """Of `y - x`, as methods of x compute it."""
    return addition(function, y, _scaled(x, -1.0))


def negative(function: Callable[..., Tensor], x: Bounds) -> Bounds:
    """Of -x: the ends change places."""
    return _scaled(x, -1.0)


def _scaled(x: Any, factor: float) -> Any:
    if factor == 1:
        return x
    if not isinstance(x, Bounds):
        return x * factor
    value, lower, upper = x
    ends = (lower, upper) if factor >= 0 else (upper, lower)
    return Bounds(value * factor, *(end * factor for end in ends))


def _three(x: Any) -> tuple[Any, Any, Any]:
    return x if isinstance(x, Bounds) else (x, x, x)


def joined(
    function: Callable[..., Tensor], parts: Sequence[Any], *args: Any, **options: Any
) -> Bounds:
    """Of parts that are put together, of which some may be no intervals."""
    three = [_three(part) for part in parts]
    return Bounds(*(function([part[i] for part in three], *args, **options) for i in range(3)))


def pooled_with_places(
    function: Callable[..., Any], x: Bounds, *args: Any, **options: Any
) -> Bounds:
    """Of a maximum over windows; the places of maxima, of which there are several, are refused."""
    if options.get("return_indices") or (len(args) > 5 and args[5]):
        raise refusal(function, "with return_indices")
    return x.each(lambda one: function(one, *args, **options))


def dropout(
    function: Callable[..., Tensor], x: Bounds, p: float = 0.5, training: bool = True, *args: Any
) -> Bounds:
    """Of one mask for the value and both ends."""
    if not training or p == 0:
        return x
    kept = function(torch.ones_like(x.value), p, training)
    return x.each(lambda one: one * kept)


def batch_norm(
    function: Callable[..., Tensor],
    x: Bounds,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Bounds:
    """Of the affine map that the norm is for its statistics: of the running ones, or of this batch's values.

    Statistics over a batch are those of the values, which the ends do not change. So certificates are those of a
    module in evaluation mode, whose statistics stand.
    """
    value = function(x.value, running_mean, running_var, weight, bias, training, momentum, eps)
    if training or running_mean is None or running_var is None:
        over = [i for i in range(x.value.dim()) if i != 1]
        variance, mean = torch.var_mean(x.value, over, correction=0)
    else:
        mean, variance = running_mean, running_var
    scale = torch.rsqrt(variance + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    shape = [-1 if i == 1 else 1 for i in range(x.value.dim())]
    scale = scale.view(shape)
    return Bounds.around(value, x.center * scale + shift.view(shape), x.radius * scale.abs())


def refusal(function: Callable[..., Any], words: str = "") -> Unbounded:
    """The refusal of an operation, by its name."""
    name = getattr(function, "__name__", str(function))
    return Unbounded(
        f"interval propagation has no bounds for {name!r}{f' {words}' if words else ''}: it takes linear layers, "
        f"convolutions, batch norms, activations that never fall, pooling, sums and changes of shape. Put one of "
        f"these in its place, or take another objective."
    )


_MOVING = (
    *("flatten", "view", "reshape", "permute", "transpose", "unsqueeze", "squeeze", "contiguous"),
    *("getitem", "movedim", "expand", "clone", "detach", "to", "float", "double", "roll", "flip"),
    *("T", "mT", "data", "unflatten", "narrow", "select", "index_select", "t", "swapaxes", "alias"),
    *("view_as", "reshape_as", "expand_as", "repeat", "pixel_shuffle", "cpu", "cuda"),
)
_RISING = (
    *("relu", "relu6", "hardtanh", "tanh", "sigmoid", "hardsigmoid", "selu"),
    *("clamp", "clamp_min", "clamp_max", "mean", "sum", "amax", "amin", "pad"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "exp"),
)
_POOLING = ("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d")
_AFFINE = (
    *("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d"),
    "conv_transpose3d",
)
RULES: dict[str, Rule] = {
    **dict.fromkeys([*_MOVING, *_RISING], never_falling),
    **dict.fromkeys(["leaky_relu", "elu", "celu"], bent),
    **dict.fromkeys(["avg_pool1d", "avg_pool2d", "avg_pool3d"], averaged),
    "softplus": softplus,
    **dict.fromkeys(_POOLING, pooled_with_places),
    **dict.fromkeys(_AFFINE, affine),
    **dict.fromkeys(["matmul", "mm", "bmm", "mul", "rmul", "multiply", "rmatmul"], product),
    **dict.fromkeys(["div", "truediv", "divide", "true_divide"], quotient),
    **dict.fromkeys(["add", "radd"], addition),
    **dict.fromkeys(["sub", "subtract"], subtraction),
    "rsub": reversed_subtraction,
    "neg": negative,
    **dict.fromkeys(["cat", "concat", "concatenate", "stack"], joined),
    **dict.fromkeys(["dropout", "dropout1d", "dropout2d", "feature_dropout"], dropout),
    "batch_norm": batch_norm,
}
ACTIVATIONS = ("relu", "relu6", "leaky_relu")
WEIGHTED = frozenset(_AFFINE)
