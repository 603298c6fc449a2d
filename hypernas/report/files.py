"""Files, written whole or not at all, and not touched where nothing changes."""

from pathlib import Path


def write(path: Path, data: bytes) -> bool:
    """Give a file these contents; whether that changed anything."""
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True
