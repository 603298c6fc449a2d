"""Seals: checksums that JSON files carry of their own content."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypernas.storage.files import LARGEST, read_bounded, write_whole

SEAL = "sha256"  # the key of the seal: SHA-256 of the rest as compact JSON, keys sorted
_SHORT = 16  # digits of a seal in a line for people to read


class Altered(ValueError):
    """A file that is not what was written."""


def digest(content: Any) -> str:
    """SHA-256 of a value that JSON can hold, whatever the order of its keys and its layout."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object as JSON gives it back, with its seal as the last key."""
    plain = json.loads(json.dumps(dict(content)))
    return {**plain, SEAL: digest(plain)}


def sealed_line(content: Mapping[str, Any]) -> str:
    """An object as one line of JSON, with the first digits of its seal."""
    whole = sealed(content)
    return json.dumps({**whole, SEAL: whole[SEAL][:_SHORT]}) + "\n"


def unsealed(content: Any, path: Path | str) -> Any:
    """A value that was read, without its seal; one that never had a seal is taken as it is.

    Raises:
        Altered: if the seal is that of something else.
    """
    if not isinstance(content, dict) or SEAL not in content:
        if isinstance(content, dict) and any(map(_is_seal, content.values())):
            raise Altered(
                f'{path} was altered since it was written: its key "{SEAL}" has another name.'
            )
        return content
    kept = {key: value for key, value in content.items() if key != SEAL}
    seal = str(content[SEAL])
    if len(seal) < _SHORT or not digest(kept).startswith(seal):
        raise Altered(
            f"{path} was altered since it was written: its content has the SHA-256 {digest(kept)[:12]}..., "
            f"expected {seal[:12]}.... Restore it; or, if the change is meant, take out its "
            f'key "{SEAL}".'
        )
    return kept


def _is_seal(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{16}|[0-9a-f]{64}", value) is not None


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON with its seal, whole or not at all."""
    write_whole(path, json.dumps(sealed(content), indent=1, ensure_ascii=False) + "\n")


def read_sealed(path: Path, *, largest: int = LARGEST) -> Any:
    """The value of a JSON file, without its seal: see `unsealed`.

    Raises:
        FileNotFoundError: if there is no such file.
        Altered: if its seal does not fit, or it is no JSON any more.
    """
    try:
        content = json.loads(read_bounded(path, largest=largest))
    except (ValueError, RecursionError) as error:
        raise Altered(f"{path} cannot be read as JSON: {error}.") from None
    return unsealed(content, path)
