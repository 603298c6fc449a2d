"""Objects from settings: `_target_` names what is called, the rest are its arguments."""

import functools
import importlib
from collections.abc import Mapping
from typing import Any

TARGET = "_target_"
_PARTIAL, _WORDS = "_partial_", (TARGET, "_partial_", "_convert_")


def instantiate(settings: Any, *, key: str = "") -> Any:
    """Make the object of settings: a call of `_target_`, of which inner ones are made first.

    With `_partial_: true` it is a `functools.partial` of the call. Mappings without a `_target_`,
    lists and scalars stay what they are; what they hold is made.

    Args:
        key: where the settings stand, for messages.

    Raises:
        ValueError: if a `_target_` is missing, as `???` says, or is no dotted name.
        ImportError: if it cannot be imported.
        Exception: what is called raises, with a note that names the key.
    """
    if isinstance(settings, list | tuple):
        return [instantiate(item, key=f"{key}[{i}]") for i, item in enumerate(settings)]
    if not isinstance(settings, Mapping):
        return settings
    inner = {
        name: instantiate(value, key=f"{key}.{name}" if key else name)
        for name, value in settings.items()
        if name not in _WORDS
    }
    if TARGET not in settings:
        return inner
    target = named(settings[TARGET], key=key)
    if settings.get(_PARTIAL):
        return functools.partial(target, **inner)
    try:
        return target(**inner)
    except Exception as error:
        error.add_note(f"This came of the settings of {key or 'the whole'}.")
        raise


def named(path: Any, *, key: str = "") -> Any:
    """The object of a dotted name, such as "hypernas.generators.shared".

    Raises:
        ValueError, ImportError: as `instantiate`.
    """
    place = f"{key}.{TARGET}" if key else TARGET
    if path == "???":
        raise ValueError(f"{place} is missing: give {place}=module.name (see --help).")
    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(f"{place}: expected a dotted name such as my_module.f, got {path!r}.")
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is not None and (module + ".").startswith(error.name + "."):
                continue  # a class or a function, whose attribute is meant, or nothing
            raise
        try:
            for part in parts[cut:]:
                found = getattr(found, part)
        except AttributeError as error:
            raise ImportError(f"{place}: there is no {path}: {error}.") from None
        return found
    raise ImportError(f"{place}: No module named {parts[0]!r}, for {path}.")
