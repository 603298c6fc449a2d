"""An architecture: one point of a search space, as an immutable mapping of choices to values."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Value = None | bool | int | float | str | tuple["Value", ...]


def freeze(value: Any) -> Value:
    """The hashable, JSON-able form of a choice's value: lists become tuples, NumPy scalars plain.

    Raises:
        TypeError: if the value is neither a scalar nor a (nested) sequence of scalars.
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a NumPy or torch scalar
        return freeze(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Sequence):
        return tuple(freeze(item) for item in value)
    raise TypeError(
        f"a choice's value must be None, a bool, a number, a string or a sequence of these, "
        f"got {value!r} of type {type(value).__name__}."
    )


class Architecture(Mapping[str, Value]):
    """A frozen, hashable, JSON-able mapping from choice to value.

    It holds the choices that are *active* and nothing else, so two descriptions that differ only
    in an inactive choice (the kernel of a block beyond the depth, say) are the same architecture.
    `SearchSpace.architecture` makes one from any mapping and checks it.

    It compares equal to a plain dict of the same items.

    Args:
        of: the mark of the space that checked the values, which need not do so again; a copy from
            another process has none.
    """

    __slots__ = ("_hash", "_values", "of")

    def __init__(self, values: Mapping[str, Any], *, of: object = None) -> None:
        if not isinstance(values, Mapping):
            raise TypeError(
                f"an architecture maps choices to values, as {{'depth': 2}}, got {values!r:.200}."
            )
        self._values = {str(name): freeze(value) for name, value in values.items()}
        self._hash = hash(frozenset(self._values.items()))
        self.of = of

    def __getitem__(self, name: str) -> Value:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(
                f"{name!r} is not an active choice of {self}; it has {list(self._values)}. "
                f"Use architecture.get({name!r}) for a choice that may be inactive."
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Architecture):
            return self._values == other._values
        if isinstance(other, Mapping):
            return self._values == dict(other)
        return NotImplemented

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def __repr__(self) -> str:
        return f"Architecture({self._values!r})"

    def __str__(self) -> str:
        return "{" + ", ".join(f"{name}: {_plain(v)}" for name, v in self._values.items()) + "}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Architecture, (self._values,)

    def digest(self, seed: int = 0) -> int:
        """A number in [0, 2^32) that is the same in every process; `hash` of a string is not."""
        text = f"{seed} {json.dumps(self._values, sort_keys=True)}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")

    def to_json(self) -> str:
        return json.dumps(self._values)

    @staticmethod
    def from_json(text: str) -> "Architecture":
        """The architecture in a text.

        Raises:
            ValueError: if it is no JSON, or that of something else.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"an architecture is a mapping of choices, got {values!r}.")
        return Architecture(values)


def _plain(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return json.dumps(value) if not isinstance(value, str) else value
