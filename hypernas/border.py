"""The border: arguments of what is public, held against the annotations of what takes them."""

import functools
import inspect
import itertools
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, TypeVar

_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
Called = TypeVar("Called", bound=Callable[..., Any])
_LONG = 2**63  # whole numbers from which on neither torch nor the interpreter counts
_LOOKED_AT = 1000  # the first items of a list: more would cost more than they are worth
_REMEMBERED = 64  # combinations of types, for each function
_NUMBERS = {
    "bool": False,
    "complex": 0j,
    "float": 0.0,
    "int": 0,
}  # part of the name of a type -> one of it
_WIDE: dict[Any, type | tuple[type, ...]] = {  # annotation -> what is taken for it
    int: Integral,
    float: Real,
    dict: Mapping,
    PathLike: (str, PathLike),
}


def checked(called: Called) -> Called:
    """Refuse arguments of another kind than the annotations of a function say; for a class, of its constructor.

    What an annotation says is held to where that tells values apart without calling any: classes, unions, and the
    items of lists and mappings. A whole number is a number, whatever has items in order is a list, and no text is one.

    Raises:
        TypeError: on the call, naming each argument with what was expected and what came.
        ValueError: if a number was too large for what was computed with it.
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

    names = list(signature.parameters)
    fixed = not any(p.kind in _MANY for p in signature.parameters.values())
    fitting: dict[
        Any, list[tuple[str, Any]]
    ] = {}  # types -> arguments that they do not decide about

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        # Training calls some functions in every step, with arguments of the same types.
        kinds = (tuple(map(type, args)), tuple(kwargs), tuple(map(type, kwargs.values())))
        undecided = fitting.get(kinds)
        if undecided is not None:
            named = dict(zip(names, args, strict=False), **kwargs)
            if all(fits(named[key], hint) for key, hint in undecided):
                try:
                    return function(*args, **kwargs)
                except OverflowError as error:
                    _refuse_long(name, named, error)
                    raise
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
        if fixed and len(fitting) < _REMEMBERED:
            fitting[kinds] = [(k, known[k]) for k in given if k in known and _has_items(known[k])]
        try:
            return function(*args, **kwargs)
        except OverflowError as error:
            _refuse_long(name, given, error)
            raise

    return call


def _refuse_long(name: str, given: Mapping[str, Any], error: OverflowError) -> None:
    """Tell which numbers have more than the 64 bits that torch counts with, if some have."""
    long = [
        f"{key}: expected fewer than 64 bits, got {_shown(value)}"
        for key, value in given.items()
        if isinstance(value, Integral) and abs(int(value)) >= _LONG
    ]
    if long:
        text = f"{name} cannot compute with what it was given ({error}):\n  "
        raise ValueError(text + "\n  ".join(long)) from error


def _has_items(hint: Any) -> bool:
    """True if an annotation says something of the items of a value, which its type does not tell."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(map(_has_items, args))
    if origin in (Mapping, dict):
        return args[-1:] != (Any,)
    return origin in (Sequence, tuple, list, Iterable, Collection) and bool(args)


def _each(signature: inspect.Signature, key: str, hint: Any) -> Any:
    """The annotation of what a parameter holds, which of *args and **kwargs is that of each."""
    match signature.parameters[key].kind:
        case inspect.Parameter.VAR_POSITIONAL:
            return Sequence[hint]
        case inspect.Parameter.VAR_KEYWORD:
            return Mapping
    return hint


def fits(value: object, hint: Any) -> bool:
    """True if a value is of the kind that an annotation says, as far as that can be told."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in args)
    if origin is typing.Literal:
        return any(type(value) is type(one) for one in args)  # who takes words, tells them
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
    if kind in (Sequence, tuple, list):
        return _is_list(value) and _items_fit(value, args)
    if isinstance(value, str | bytes) and issubclass(kind, Iterable):
        return kind in (str, bytes) and isinstance(value, kind)
    if not isinstance(value, _WIDE.get(kind, kind)):
        return False
    if kind in (Mapping, dict) and isinstance(value, Mapping):
        return not _has_items(hint) or _entries_fit(value, args)
    return kind not in (Iterable, Collection) or _items_fit(value, args)


def _is_list(value: object) -> bool:
    """True for whatever has items in order, as arrays and tensors do; not for text."""
    ordered = hasattr(value, "__getitem__") and hasattr(value, "__len__")
    single = getattr(value, "ndim", None) == 0  # as an array of one number that is no list of it
    return ordered and not single and not isinstance(value, str | bytes | Mapping | type)


def _items_fit(value: Any, args: tuple[Any, ...]) -> bool:
    """True if the items of a list are of the kind that its annotation says, if that is one.

    Those of a mapping that is gone through are its keys, those of an array or a tensor are all of one kind; other
    things could be gone through only once.
    """
    if len(args) != 1 and args[-1:] != (Ellipsis,):
        return True
    if isinstance(value, list | tuple | range | Mapping):
        return all(fits(item, args[0]) for item in itertools.islice(value, _LOOKED_AT))
    return not hasattr(value, "dtype") or any(fits(item, args[0]) for item in _of_array(value))


def _of_array(value: Any) -> list[Any]:
    """The first item of an array or a tensor, and a number of its type if it has one axis; no value of it is read."""
    numbers = [_NUMBERS[kind] for kind in _NUMBERS if kind in str(value.dtype)][:1]
    first = [value[0]] if len(value) else []
    return [*first, *(numbers or first)] if value.ndim == 1 else first or [value]


def _entries_fit(value: Mapping[Any, Any], args: tuple[Any, ...]) -> bool:
    """True if the first keys and items of a mapping are of the kinds that its annotation says."""
    some = itertools.islice(value.items(), _LOOKED_AT)
    return all(fits(key, args[0]) and fits(item, args[1]) for key, item in some)


def _words(hint: Any) -> str:
    """An annotation in words: of a class, its name alone."""
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__qualname__
    text = str(hint).replace("typing.", "").replace("collections.abc.", "")
    return " ".join(word.rpartition(".")[2] if "[" not in word else word for word in text.split())


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
