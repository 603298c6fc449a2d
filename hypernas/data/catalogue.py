"""Catalogues of gettext: the messages of a program, and their translations."""

import gettext
from collections.abc import Iterator, Sequence
from pathlib import Path

_CONTEXT = "\x04"  # stands between a context and its message


def catalogue_pairs(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """The pairs of message and translation of `.mo` files, each once, in order of the files' names.

    Left out are headers, messages that are not translated, plural forms but the singular, and those of several lines; contexts are
    left aside. Keys of menus ("~File", "_File") stay, as programs need them.

    Raises:
        ValueError: if a file is no catalogue.
    """
    return list(dict.fromkeys(pair for path in sorted(paths) for pair in _pairs(path)))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with path.open("rb") as file:
            # a public way to all messages of a catalogue is not there
            messages = vars(gettext.GNUTranslations(file))["_catalog"]
    except (OSError, ValueError, IndexError, LookupError) as error:
        raise ValueError(f"{path} is no catalogue of gettext (.mo): {error}.") from None
    for key, translation in messages.items():
        message, number = key if isinstance(key, tuple) else (key, 0)
        source, target = message.rpartition(_CONTEXT)[2].strip(), translation.strip()
        whole = source and target and number == 0
        if whole and source != target and len(f"{source}\n{target}".splitlines()) == 2:
            yield source, target
