"""Settings: a run as nested plain values, which is what its folder holds."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Settings = Mapping[str, Any]  # setting -> a scalar, a list, or settings of their own
Scalars = dict[str, bool | int | float | str]

OF_A_MACHINE = (
    "data.root",
    "device",
    "fallback",
    "rank_timeout",
    "resume",
    "threads",
)  # not of a run
_LARGEST = 300_000  # values, and characters of text, of all settings together
_REFERENCE = re.compile(r"\$\{([^{}]*)\}")


def flat(settings: Settings) -> Scalars:
    """The scalars of settings by dotted key; lists as text."""
    found: Scalars = {}

    def visit(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for key, value in node.items():
                visit(f"{prefix}.{key}" if prefix else str(key), value)
        else:
            found[prefix] = node if isinstance(node, bool | int | float) else str(node)

    visit("", settings)
    return found


def resolved(settings: Settings) -> dict[str, Any]:
    """Settings in which references such as `${seed}` are replaced by what they name.

    Raises:
        ValueError: for a reference to what is not there, or to itself, or of another kind; for settings
            that hold themselves, or that references make larger than any run's.
    """
    room = _LARGEST  # references can double what they refer to, again and again

    def taken(num: int) -> None:
        nonlocal room
        room -= num
        if room < 0:
            raise ValueError(
                f"the settings come to more than {_LARGEST:,} values and characters: expected those of a "
                f"run, in which no reference holds itself."
            )

    def value_of(key: str, around: tuple[str, ...]) -> Any:
        if key in around or len(around) > 20:
            raise ValueError(f"${{{key}}} refers to itself, through {' and '.join(around)}.")
        node: Any = settings
        for part in key.split("."):
            if not isinstance(node, Mapping) or part not in node:
                raise ValueError(
                    f"the settings refer to ${{{key}}}, which is not among them: {list(settings)}. "
                    f"Write the value itself."
                )
            node = node[part]
        return visit(node, (*around, key))

    def visit(node: Any, around: tuple[str, ...] = ()) -> Any:
        taken(1 + (len(node) if isinstance(node, str) else 0))
        if isinstance(node, Mapping):
            return {str(key): visit(value, around) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [visit(value, around) for value in node]
        if not isinstance(node, str) or "${" not in node:
            return node
        if whole := _REFERENCE.fullmatch(node):
            return value_of(whole[1], around)
        found = _REFERENCE.sub(lambda found: str(value_of(found[1], around)), node)
        taken(len(found))
        return found

    return {str(key): visit(value) for key, value in settings.items()}


def merged(layers: Sequence[Settings]) -> dict[str, Any]:
    """Settings on top of each other: a later value replaces an earlier one, key by key.

    A layer that names another `_target_` replaces the whole of what it changes.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            before = found.get(key)
            if isinstance(value, Mapping) and isinstance(before, Mapping):
                target = before.get("_target_")
                if value.get("_target_", target) == target:
                    value = merged([before, value])
            found[key] = value
    return found


def check_there(settings: Settings, *keys: str) -> None:
    """Refuse settings that lack some.

    Raises:
        ValueError: naming all of them.
    """
    if lacking := [key for key in keys if key not in settings]:
        raise ValueError(
            f"settings lack {lacking}: expected {list(keys)}, got {list(settings)}. The command with --cfg job "
            f"prints whole settings."
        )


def check_whole(settings: Settings, **least: int) -> None:
    """Refuse settings that are to be whole numbers, at least of some size.

    Args:
        least: name -> the smallest that is allowed.

    Raises:
        ValueError: naming all of them.
    """
    wrong = [
        f"{name}: expected a whole number, {low} or more, got {settings[name]!r}"
        for name, low in least.items()
        if not is_whole(settings[name]) or settings[name] < low
    ]
    if wrong:
        raise ValueError("; ".join(wrong) + ".")


def is_whole(value: object) -> bool:
    """True for integers; False for truth values, which Python counts among them."""
    return isinstance(value, int) and not isinstance(value, bool)
