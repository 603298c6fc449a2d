"""Structures of tensors: what modules take and return."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor


def map_tensors(function: Callable[[Tensor], Any], value: Any) -> Any:
    """A structure like the given one, with `function` of each of its tensors.

    Structures are tuples (named ones too), lists, mappings and dataclasses, nested as deep as they
    are; objects that are mappings and more (transformers' `ModelOutput`) stay of their class. All else
    stays as it is.
    """
    if isinstance(value, Tensor):
        return function(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{key: map_tensors(function, item) for key, item in _fields(value)})
    if isinstance(value, MutableMapping):
        found = copy.copy(value)
        for key, item in value.items():
            found[key] = map_tensors(function, item)
        return found
    if isinstance(value, Mapping):
        return {key: map_tensors(function, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [map_tensors(function, item) for item in value]
        # a named tuple is made of its fields, one by one
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def named_tensors(value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a structure with dotted names of their places, "" for a tensor itself."""
    if isinstance(value, Tensor):
        yield "", value
        return
    for key, item in parts(value):
        for name, tensor in named_tensors(item):
            yield f"{key}.{name}" if name else key, tensor


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of a structure, in their order."""
    return (tensor for _, tensor in named_tensors(value))


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Name (or number) and value of what a structure is made of; nothing where it is none."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _fields(value)
    elif isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(i), item) for i, item in enumerate(value))


def part_at(value: Any, path: str | int) -> Any:
    """The part of a structure at a dotted path of keys, attributes and positions; None if there is none.

    `hidden_states.-1` is the last of what is called `hidden_states`.
    """
    for name in str(path).split("."):
        if isinstance(value, list | tuple) and name.lstrip("-").isdigit():
            at = int(name)
            value = value[at] if -len(value) <= at < len(value) else None
        else:
            value = dict(parts(value)).get(name, getattr(value, name, None))
    return value


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Those of a dataclass; of one that is a mapping too, its items, which leave out what is None."""
    if isinstance(value, Mapping):
        yield from value.items()
    else:
        yield from ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init)
