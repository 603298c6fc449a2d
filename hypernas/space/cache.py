"""A bounded memory of things derived from architectures; it is never copied, saved or compared."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch


class Cache:
    """Remembers the last `size` results; forgets all of them when copied or pickled."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The remembered value of `key`, made now if there is none."""
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        with torch.inference_mode(False):  # training may meet what evaluation remembered
            value = self._entries[key] = make()
        if len(self._entries) > self.size:
            self._entries.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._entries)

    def __reduce__(self) -> tuple[Any, ...]:
        return Cache, (self.size,)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cache":
        return Cache(self.size)
