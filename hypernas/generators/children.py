"""Modules in torch's lists, by their own type."""

from typing import TypeVar

from torch import nn

T = TypeVar("T", bound=nn.Module)


def children(modules: nn.ModuleList, kind: type[T]) -> list[T]:
    """The modules of a list that holds one kind, which torch's annotations leave out."""
    return [module for module in modules if isinstance(module, kind)]
