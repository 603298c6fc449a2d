"""Files, written whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes | str) -> None:
    """Give a file these contents; text as UTF-8, its line ends as they are.

    A killed process or a full disk leaves the file as it was. Several processes may write the same.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(data.encode() if isinstance(data, str) else data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_changed(path: Path, data: bytes) -> bool:
    """Give a file these contents, and make its folder; whether that changed anything."""
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    return True
