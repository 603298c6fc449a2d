"""Settings against the annotations of what they are arguments of."""

import pkgutil
import typing
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType

_PATHS = ("run", "out", "work", "references")  # settings of commands
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    NoneType: "null",
}


def misfit(value: object, kinds: Sequence[type]) -> str:
    """The fault of a value that should be of one of some types; empty if nothing is."""
    fits = {type(value), *([float] if type(value) is int else [])} & set(kinds)
    if fits or value == "???" or (isinstance(value, str) and "${" in value):
        return ""
    expected = " or ".join(words for kind, words in _KINDS.items() if kind in kinds)
    return f"expected {expected}, got {value!r}."


def misfits(settings: Mapping, key: str = "") -> Iterator[str]:
    """The settings whose type is none that the library's own functions and classes take.

    Args:
        settings: nested plain values; a mapping with a `_target_` is a call.
        key: where they stand.

    Yields:
        The dotted name of a setting, and what was expected.
    """
    target = str(settings.get("_target_"))
    hints = _hints(target) if target.startswith("hypernas.") else {}
    for name, value in settings.items():
        full = f"{key}.{name}" if key else str(name)
        if isinstance(value, Mapping):
            yield from misfits(value, full)
        elif (kinds := _kinds(hints.get(name))) and (wrong := misfit(value, kinds)):
            yield f"{full}: {wrong}"


def no_paths(settings: Mapping) -> Iterator[str]:
    """The refusals of what is given where a file or a folder is named, as a number is that is not quoted."""
    for key in _PATHS:
        value = settings.get(key)
        if value is not None and not isinstance(value, str):
            yield f"{key}: expected a path, got {value!r}; one of that name is given as {key}=\"'{value}'\"."


def _hints(target: str) -> dict[str, object]:
    """The annotations of what a target takes."""
    called = pkgutil.resolve_name(target)
    return typing.get_type_hints(called.__init__ if isinstance(called, type) else called)


def _kinds(hint: object) -> list[type]:
    """The types of plain values that fit an annotation; none if any may."""
    united = typing.get_origin(hint) in (typing.Union, UnionType)
    plain = {Sequence: list, Mapping: dict}
    kinds = []
    for part in typing.get_args(hint) if united else [hint]:
        kind = typing.get_origin(part) or part
        kinds.append(plain.get(kind, kind))
    return kinds if all(kind in _KINDS for kind in kinds) else []
