"""Tensors that a module keeps beside its parameters, and those among them that are parameters."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_DEPTH = 4  # attributes of attributes that are looked through
_REGISTERED = ("_parameters", "_buffers", "_modules")
_SIMPLE = {int, float, str, bool, type(None)}  # most of what there is, told at once
_CONTAINERS = {dict, OrderedDict, set}
_LISTS = {tuple, list}
_PLAIN = (int, float, complex, str, bytes, type, torch.dtype, torch.device, BuiltinFunctionType)


class Kept(NamedTuple):
    """A tensor that a module keeps.

    Attributes:
        path: of the attribute that leads to it.
        place: the list or dictionary that holds it, and where; None where it cannot be exchanged.
    """

    path: str
    tensor: Tensor
    place: tuple[Any, Any] | None


def kept_tensors(parts: Sequence[tuple[str, nn.Module]]) -> Iterator[Kept]:
    """The buffers of a module and the tensors that its attributes lead to, but for parameters in their place.

    Looked through are lists, tuples, dictionaries, the variables of functions, and other objects,
    modules that are not registered among them.

    Args:
        parts: all its modules, each once, and their paths.
    """
    seen = {id(part) for _, part in parts}
    for prefix, part in parts:
        path = f"{prefix}." if prefix else ""
        for leaf, buffer in part._buffers.items():
            if buffer is not None:
                yield Kept(path + leaf, buffer, None)
        own = vars(part)
        for name, value in own.items():
            kind = type(value)  # told here, as a call for each attribute takes longer than the rest
            if kind in _SIMPLE or (kind in _CONTAINERS and not value) or name in _REGISTERED:
                continue
            if not (kind in _LISTS and all(type(item) in _SIMPLE for item in value)):
                yield from _reached(value, path + name, (own, name), seen, _DEPTH)


def follow(
    parameters: Mapping[str, nn.Parameter], kept: Iterable[Kept]
) -> dict[int, list[tuple[Any, Any]]]:
    """The lists and dictionaries that hold parameters of a module too: parameter's id -> places.

    Args:
        parameters: of the module, by name.
        kept: its `kept_tensors`.

    Raises:
        ValueError: naming every attribute that holds a view of a parameter that is generated, or the parameter
            where it cannot be exchanged for a generated weight.
    """
    names = {id(p): name for name, p in parameters.items()}
    of_memory = {memory(p): name for name, p in parameters.items() if p.requires_grad}
    places: dict[int, list[tuple[Any, Any]]] = {}
    wrong: list[str] = []
    for path, tensor, place in kept:
        if id(tensor) in names and place is not None:
            places.setdefault(id(tensor), []).append(place)
        elif of := of_memory.get(memory(tensor)):
            wrong.append(f"{path}: " + (of if id(tensor) in names else f"shares memory with {of}"))
    if wrong:
        raise ValueError(
            "the module keeps tensors that are parameters, or views of them, where generated weights "
            "cannot take their place:\n  "
            + "\n  ".join(wrong)
            + "\nCompute such a tensor in forward (self.encoder.weight.t()), or keep the parameter itself "
            "as an attribute, which ties it, or in a list."
        )
    return places


def memory(tensor: Tensor) -> int:
    """A mark of the memory of a tensor, which its views share; also on the meta device."""
    # sparse tensors have no storage that others could share
    return tensor.untyped_storage()._cdata if tensor.layout == torch.strided else 0


def _reached(
    value: object, path: str, place: tuple[Any, Any] | None, seen: set[int], depth: int
) -> Iterator[Kept]:
    if isinstance(value, Tensor):
        yield Kept(path, value, place)
    elif value is not None and not isinstance(value, _PLAIN) and depth and id(value) not in seen:
        seen.add(id(value))
        for step, child, inner in _inside(value):
            yield from _reached(child, path + step, inner, seen, depth - 1)


def _inside(value: object) -> Iterator[tuple[str, object, tuple[Any, Any] | None]]:
    """Things that an object leads to: the step there, the thing, and its place if it can be exchanged."""
    if isinstance(value, MutableMapping):
        yield from ((f"[{key!r}]", child, (value, key)) for key, child in list(value.items()))
    elif isinstance(value, MutableSequence):
        yield from ((f"[{i}]", child, (value, i)) for i, child in enumerate(value))
    elif isinstance(value, tuple | set | frozenset):
        yield from ((f"[{i}]", child, None) for i, child in enumerate(value))
    elif isinstance(value, partial):
        yield from (
            (" (partial)", child, None) for child in (value.func, value.args, value.keywords)
        )
    elif isinstance(value, MethodType):
        yield " (method)", value.__self__, None
    elif isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((f" (its variable {name})", _content(cell), None) for name, cell in cells)
        yield " (its defaults)", value.__defaults__, None
    elif hasattr(value, "__dict__") and not isinstance(value, ModuleType):
        own = vars(value)
        yield from ((f".{name}", child, (own, name)) for name, child in list(own.items()))


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # of a variable that has no value yet
        return None
