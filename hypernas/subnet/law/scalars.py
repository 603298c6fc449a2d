"""The small network's scalars and counts, taken over by the large one that runs on padded weights.

What follows sizes is the subnet's own: the factor 1/√dim of attention, the number of channels that
a norm or a mean divides by, the entries that a softmax runs over. Each is noted while the small network runs, and put in place of
the large network's at the same call of the same module.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Place = tuple[str, int]  # of a module, and which of its calls
_ARITHMETIC = {"add", "sub", "rsub", "mul", "div", "pow", "full", "scalar_tensor", "fill"}
_ARITHMETIC |= {"addmm", "addbmm", "baddbmm", "addmv"}  # whose factors are keywords
_ATTENTION = {
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_attention_math",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_cudnn_attention",
}


class Scalars:
    """Arguments of the small network's operations, by place, operation and which time it is.

    Attributes:
        mixing: places of operations that count absent channels, as these are not zero.
    """

    def __init__(self) -> None:
        self.noted: dict[Any, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self.mixing: list[str] = []


class Noting(TorchDispatchMode):
    """Note, or take over, the scalars of the operations that run.

    Args:
        scalars: what was noted, or is.
        place: where the network is at present.
        follow: take over instead of noting.
    """

    def __init__(self, scalars: Scalars, place: Callable[[], Place], *, follow: bool) -> None:
        super().__init__()
        self.scalars, self.place, self.follow = scalars, place, follow
        self._times: dict[Any, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch's compiler has no part in this: importing it and passing it by take longer than the law."""
        return False

    def forget(self, path: str) -> None:
        """Count the operations of a module's call from the first again, as it was only a trial."""
        self._times = {key: n for key, n in self._times.items() if key[0][0] != path}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        counted = self.place(), func
        key = *counted, self._times.get(counted, 0)
        self._times[counted] = key[-1] + 1
        if not self.follow:
            self.scalars.noted[key] = tuple(_note(a) for a in args), dict(kwargs)
            return func(*args, **kwargs)
        noted = self.scalars.noted.get(key)
        if noted is None:
            return func(*args, **kwargs)
        return self._followed(func, name, args, kwargs, *noted)

    def _followed(
        self,
        func: Any,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        own: tuple[Any, ...],
        own_kwargs: dict[str, Any],
    ) -> Any:
        if name in _ARITHMETIC:
            swapped = [
                o if _number(a) and _number(o) else a for a, o in zip(args, own, strict=False)
            ]
            return func(*swapped, *args[len(swapped) :], **_numbers_of(kwargs, own_kwargs))
        if name == "lift_fresh" and isinstance(own[0], Tensor):  # torch.tensor(1.5)
            return func(own[0].clone())
        if name in _ATTENTION:
            scale = own_kwargs.get("scale") or own[0][-1] ** -0.5
            return func(*args, **(kwargs | {"scale": scale}))
        present = _PRESENT.get(name)
        if present is not None and args[0].shape != own[0]:
            result = present(func, args, kwargs, own)
            if result is not None:
                return result
            self.scalars.mixing.append(self.place()[0])
        return func(*args, **kwargs)


def _note(value: Any) -> Any:
    """A scalar or small constant as it is, a tensor's shape."""
    if isinstance(value, Tensor) and value.dim() > 1:
        return tuple(value.shape)
    if isinstance(value, Tensor):
        return value.detach().clone() if value.dim() == 0 else tuple(value.shape)
    return value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers_of(kwargs: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Keywords of which the numbers are the small network's."""
    return {key: own.get(key, value) if _number(value) else value for key, value in kwargs.items()}


def _kept(x: Tensor, dim: int, count: int) -> Tensor | None:
    """The `count` indices along an axis at which `x` is not all zero; None if they are not so many."""
    dim %= x.dim()
    others = [i for i in range(x.dim()) if i != dim]
    there = (x != 0).any(others) if others else x != 0
    found = there.nonzero().flatten()
    return found if len(found) == count else None


def _softmax(func: Any, args: tuple[Any, ...], kwargs: Any, own: tuple[Any, ...]) -> Any:
    x, dim = args[0], args[1]
    kept = _kept(x, dim, own[0][dim])
    if kept is None:
        return None
    part = func(x.index_select(dim, kept), *args[1:], **kwargs)
    empty = float("-inf") if "log" in func.overloadpacket.__name__ else 0.0
    whole = torch.full(x.shape, empty, dtype=part.dtype, device=part.device)
    return whole.index_copy_(dim, kept, part)


def _mean(func: Any, args: tuple[Any, ...], kwargs: Any, own: tuple[Any, ...]) -> Any:
    x = args[0]
    dims = args[1] if len(args) > 1 and args[1] else range(x.dim())
    ratio = 1.0
    for dim in [dims] if isinstance(dims, int) else dims:
        ratio *= x.shape[dim] / own[0][dim]
    return func(*args, **kwargs) * ratio


def _layer_norm(func: Any, args: tuple[Any, ...], kwargs: Any, own: tuple[Any, ...]) -> Any:
    x, shape, weight, bias, *rest = args
    if len(shape) != 1 or (kept := _kept(x, -1, own[0][-1])) is None:
        return None
    part, *moments = func(
        x.index_select(-1, kept),
        [own[0][-1]],
        None if weight is None else weight.index_select(0, kept),
        None if bias is None else bias.index_select(0, kept),
        *rest,
        **kwargs,
    )
    return torch.zeros_like(x).index_copy_(-1, kept, part), *moments


def _group_norm(func: Any, args: tuple[Any, ...], kwargs: Any, own: tuple[Any, ...]) -> Any:
    x, weight, bias, batch, _, positions, _, eps = args
    own_channels, own_groups = own[0][1], own[6]
    kept = _kept(x, 1, own_channels)
    if kept is None:
        return None
    part, *moments = func(
        x.index_select(1, kept).contiguous(),
        None if weight is None else weight.index_select(0, kept),
        None if bias is None else bias.index_select(0, kept),
        batch,
        own_channels,
        positions,
        own_groups,
        eps,
        **kwargs,
    )
    return torch.zeros_like(x).index_copy_(1, kept, part), *moments


def _weight_norm(func: Any, args: tuple[Any, ...], kwargs: Any, own: tuple[Any, ...]) -> Any:
    weight, norms = func(*args, **kwargs)
    return weight.masked_fill(
        norms == 0, 0.0
    ), norms  # an absent row, divided by its length of zero


_PRESENT = {
    "_softmax": _softmax,
    "_log_softmax": _softmax,
    "mean": _mean,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "_weight_norm_interface": _weight_norm,
}
