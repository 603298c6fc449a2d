"""Intervals: tensors that carry bounds through a module of the user."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.certification.bounds import Bounds, box
from hypernas.certification.rules import ACTIVATIONS, RULES, WEIGHTED, refusal
from hypernas.certification.trace import Affine, Trace

_QUESTIONS = {  # about a tensor, whose answers follow from its shape and type
    *("dim", "size", "numel", "nelement", "stride", "is_contiguous", "__len__", "ndimension"),
    *("is_floating_point", "is_complex", "element_size", "get_device", "__repr__", "__format__"),
    *("__hash__", "is_inference", "storage_offset", "requires_grad_", "dim_order", "register_hook"),
    *("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"),
}

_NUMBERS = frozenset(("__float__", "__int__", "__bool__", "__index__", "__complex__"))  # refused
_PROPERTIES = {  # that are no tensors
    *("shape", "dtype", "device", "ndim", "layout", "requires_grad", "is_leaf", "grad_fn"),
    *("is_cuda", "is_cpu", "is_meta", "is_mps", "is_xpu", "is_sparse", "is_quantized"),
    *("is_sparse_csr", "is_mkldnn", "is_nested", "is_vulkan", "is_ipu", "names", "output_nr"),
    *("itemsize", "nbytes", "_version", "_base", "_backward_hooks"),
}


class Interval(Tensor):
    """A tensor with bounds, for any module: each function of torch that is called with it gives another.

    It is the value itself to whoever asks for its shape or type. A function without bounds is refused by name
    (`hypernas.certification.rules.Unbounded`); none of them is passed over in silence.

    Attributes:
        bounds: the value, and its ends.
        trace: what was met on the way here from the input.
        last: the affine layer that made it, if one did.
        added: True behind a sum of two intervals, until the next affine layer.
        written: how often its place in memory had been written into when it was made.
    """

    bounds: Bounds
    trace: Trace
    last: Affine | None
    added: bool
    written: int

    @staticmethod
    def of(
        bounds: Bounds, trace: Trace, *, last: Affine | None = None, added: bool = False
    ) -> "Interval":
        """The interval of bounds."""
        found = bounds.value.as_subclass(Interval)
        found.bounds, found.trace, found.last, found.added = bounds, trace, last, added
        found.written = trace.written.get(_place(bounds.value), 0)
        return found

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        with torch._C.DisableTorchFunctionSubclass():
            name = _name(func)
            if name is None or name in _QUESTIONS:
                if next(_intervals((args[1:], options)), None) is not None:
                    raise refusal(func, "that is filled with an interval")
                return func(*args, **options)
            if options.get("out") is not None:
                raise refusal(func, "with out=")
            inside = options.pop("inplace", False)
            if name.endswith("_") or (name.startswith("i") and name[1:] in RULES):
                inside, name = True, name.rstrip("_") if name.endswith("_") else name[1:]
            if name not in RULES:
                raise refusal(func)
            given = list(_intervals((args, options)))
            _check_fresh(func, given)
            if inside and not isinstance(args[0], Interval):
                raise refusal(func, "written into a tensor without bounds (write x = x + y)")
            found = _applied(name, _plain(func, inside), given, _bounds(args), _bounds(options))
        return _written(args[0], found) if inside else found


def interval(
    inputs: Tensor, radius: float, *, low: float | None = None, high: float | None = None
) -> Interval:
    """The box of all inputs that differ from these by at most `radius` in each entry.

    Args:
        low, high: between which all inputs are, and so the box; None for no limit.

    Raises:
        ValueError: if the radius is below 0, or limits leave inputs out.
    """
    bounds = Bounds(inputs.clone(), *box(inputs, radius, low=low, high=high))
    return Interval.of(bounds, Trace(bounds))


def _name(func: Callable[..., Any]) -> str | None:
    """The name of a function in the table of rules; None for a property that is no tensor."""
    name = getattr(func, "__name__", "")
    if name == "__get__":
        own = getattr(getattr(func, "__self__", None), "__name__", "")
        return None if own in _PROPERTIES else own
    if name.startswith("__") and name not in _QUESTIONS | _NUMBERS | {"__set__"}:
        return name.strip("_")
    return name


def _place(value: Tensor) -> int:
    return value.untyped_storage().data_ptr()


def _check_fresh(func: Callable[..., Any], given: Sequence[Interval]) -> None:
    """Refuse an interval whose values were written over through another that shares their memory."""
    for one in given:
        if one.written != one.trace.written.get(_place(one.bounds.value), 0):
            raise refusal(
                func, "of values that another tensor, which shares their memory, was written into"
            )


def _plain(func: Callable[..., Any], inside: bool) -> Callable[..., Any]:
    """The function that makes a new tensor, of one that may write into its first argument."""
    if not inside:
        return func
    name = getattr(func, "__name__", "").strip("_")
    name = name if name in RULES else name[1:]
    places = (torch, name), (torch.nn.functional, name), (Tensor, f"__{name}__")
    return next(getattr(*place) for place in places if hasattr(*place))


def _applied(
    name: str, func: Callable[..., Any], given: Sequence[Interval], args: Any, options: Any
) -> Interval:
    rule, first = RULES[name], given[0]
    try:
        inspect.signature(rule).bind(func, *args, **options)
    except TypeError as error:
        raise refusal(func, f"called so ({error})") from None
    bounds = rule(func, *args, **options)
    if not bounds.value.is_floating_point():
        raise refusal(func, f"to {bounds.value.dtype}")
    trace = first.trace
    added = any(one.added for one in given)
    last = None
    if name in WEIGHTED:
        weight = options.get("weight", args[1] if len(args) > 1 else None)
        bias = options.get("bias", args[2] if len(args) > 2 else None)
        last = Affine(name, first.bounds, weight, bias, added)
        trace.affine.append(last)
        added = False
    elif name in ACTIVATIONS:
        trace.activations.append(first.bounds)
    elif len(given) > 1 and name in ("add", "radd"):
        added = True
    return Interval.of(bounds, trace, last=last, added=added)


def _written(into: Interval, found: Interval) -> Interval:
    """The same object as before, which is what was found from now on."""
    with torch._C.DisableTorchFunctionSubclass():
        into.copy_(found.bounds.value)
    into.bounds = Bounds(into.as_subclass(Tensor), found.bounds.lower, found.bounds.upper)
    place = _place(into.bounds.value)
    into.written = into.trace.written[place] = into.trace.written.get(place, 0) + 1
    into.last, into.added = found.last, found.added
    return into


def _intervals(value: Any) -> Iterator[Interval]:
    if isinstance(value, Interval):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _intervals(item)
    elif isinstance(value, dict):
        yield from _intervals(list(value.values()))


def _bounds(value: Any) -> Any:
    """The same arguments, with bounds in place of intervals."""
    if isinstance(value, Interval):
        return value.bounds
    if isinstance(value, dict):
        return {key: _bounds(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        items = [_bounds(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value
