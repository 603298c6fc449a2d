"""A bounded memory of things derived from architectures; it is never copied, saved or compared."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import torch

Kept = TypeVar("Kept")


class Cache(Generic[Kept]):
    """The last `size` results by key; a copy, or what is unpickled, begins empty."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._entries: OrderedDict[Hashable, Kept] = OrderedDict()

    def find(self, key: Hashable) -> Kept | None:
        """The remembered value of `key`, if there is one."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def get(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """The remembered value of `key`, made now if there is none."""
        found = self.find(key)
        if found is not None:
            return found
        with torch.inference_mode(False):  # training may meet what evaluation remembered
            made = self._entries[key] = make()
        if len(self._entries) > self.size:
            self._entries.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._entries)

    def __reduce__(self) -> tuple[type["Cache[Kept]"], tuple[int]]:
        return type(self), (self.size,)

    def __deepcopy__(self, memo: dict[int, object]) -> "Cache[Kept]":
        return Cache(self.size)
