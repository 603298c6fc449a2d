"""Outputs in plain structures, which programs can have: tensors, tuples, lists and dictionaries."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from hypernas.subnet.structure import parts, tensors


@contextlib.contextmanager
def plain_outputs(module: nn.Module) -> Iterator[None]:
    """While it lasts, the outputs of a module are `plain`; it keeps its signature and its names."""
    handle = module.register_forward_hook(lambda module, inputs, outputs: plain(outputs))
    try:
        yield
    finally:
        handle.remove()


def plain(value: Any) -> Any:
    """The tensors of a structure in tuples, lists and dictionaries, from which all else is left out."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, list | tuple):
        items = (plain(item) for item in value)
        return list(items) if isinstance(value, list) else tuple(items)
    found = {key: plain(item) for key, item in parts(value) if any(True for _ in tensors(item))}
    return found or None


def left_out(value: Any, name: str = "") -> Iterator[str]:
    """Name and class of what outputs hold that are no tensors, such as caches."""
    within = list(parts(value))
    for key, item in within:
        yield from left_out(item, f"{name}.{key}" if name else key)
    if not within and value is not None and not isinstance(value, Tensor | list | tuple | dict):
        yield f"{name or 'outputs'} ({type(value).__name__})"
