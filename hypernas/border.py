"""The border: arguments of what is public, held against the annotations of what takes them."""

import functools
import inspect
import itertools
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, TypeVar

Called = TypeVar("Called", bound=Callable[..., Any])
_LOOKED_AT = 1000  # the first items of a list or mapping: more would cost more than they are worth
_WIDE: dict[Any, type | tuple[type, ...]] = {  # annotation -> what is taken for it
    int: Integral,
    float: Real,
    tuple: Sequence,
    list: Sequence,
    dict: Mapping,
    PathLike: (str, PathLike),
}


def checked(called: Called) -> Called:
    """Refuse arguments of another kind than the annotations of a function say; for a class, of its constructor.

    What an annotation says is held to where that tells values apart without calling any: classes, unions,
    literals, the items of lists and mappings; a whole number is a number, a list a tuple, and no text a list.

    Raises:
        TypeError: on the call, naming each argument with what was expected and what came.
    """
    if isinstance(called, type):
        called.__init__ = _checked(called.__init__, called.__qualname__)  # type: ignore[misc]
        return typing.cast(Called, called)
    name = called.__qualname__.removesuffix(".__init__")
    return typing.cast(Called, _checked(called, name))


def _checked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.cache
    def hints() -> dict[str, Any]:
        try:
            return typing.get_type_hints(function)
        except NameError:  # of what only a type checker imports
            return {}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{name} cannot be called so: {error}. It takes {signature}.") from None
        known = hints()
        wrong = [
            f"{key}: expected {_words(known[key])}, got {_shown(value)}"
            for key, value in given.items()
            if key in known and not fits(value, _each(signature, key, known[key]))
        ]
        if wrong:
            raise TypeError(f"{name} cannot take what it was given:\n  " + "\n  ".join(wrong))
        return function(*args, **kwargs)

    return call


def _each(signature: inspect.Signature, key: str, hint: Any) -> Any:
    """The annotation of what a parameter holds, which of *args and **kwargs is that of each."""
    match signature.parameters[key].kind:
        case inspect.Parameter.VAR_POSITIONAL:
            return Sequence[hint]
        case inspect.Parameter.VAR_KEYWORD:
            return Mapping[str, hint]
    return hint


def fits(value: object, hint: Any) -> bool:
    """True if a value is of the kind that an annotation says, as far as that can be told."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in args)
    if origin is typing.Literal:
        return any(type(value) is type(one) and value == one for one in args)
    if hint is None or hint is type(None):
        return value is None
    if hint is Any or isinstance(hint, TypeVar | typing.ForwardRef | str):
        return True
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if getattr(kind, "_is_protocol", False):
        return True
    if kind is Callable:
        return callable(value)
    if not isinstance(value, _WIDE.get(kind, kind)):
        return False
    return _items_fit(value, kind, args)


def _items_fit(value: Any, kind: type, args: tuple[Any, ...]) -> bool:
    """True if the items of a list or a mapping are of the kinds that its annotation says."""
    if isinstance(value, str | bytes):
        return not issubclass(kind, Sequence | Iterable) or kind in (str, bytes)
    if issubclass(kind, Mapping) and len(args) == 2:
        pairs = itertools.islice(value.items(), _LOOKED_AT)
        return all(fits(key, args[0]) and fits(item, args[1]) for key, item in pairs)
    if issubclass(kind, Sequence) and args and (len(args) == 1 or args[-1] is Ellipsis):
        return all(fits(item, args[0]) for item in itertools.islice(value, _LOOKED_AT))
    if issubclass(kind, tuple) and args:
        return len(value) == len(args) and all(map(fits, value, args))
    return True


def _words(hint: Any) -> str:
    """An annotation in words: of a class, its name alone."""
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__qualname__
    text = str(hint).replace("typing.", "").replace("collections.abc.", "")
    return " ".join(word.rpartition(".")[2] if "[" not in word else word for word in text.split())


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
