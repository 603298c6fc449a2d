"""Measured latencies on disk, one file each."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path

from hypernas.latency.turns import Timing
from hypernas.storage.seal import read_sealed, write_sealed


class Cache:
    """Timings by what was measured, and where: several processes may read and write it at once.

    Each entry is a file of its own, written whole with its checksum; one that is torn or altered counts as
    absent.

    Args:
        folder: of the entries, made when it is needed; None keeps them in memory alone.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder).expanduser()
        self._known: dict[str, Timing] = {}

    def get(self, content: str) -> Timing | None:
        """The timing of a content; None where there is none."""
        key = _key(content)
        if key not in self._known and self.folder is not None:
            found = _read(self.folder / f"{key}.json", content)
            if found is not None:
                self._known[key] = found
        return self._known.get(key)

    def put(self, content: str, timing: Timing) -> None:
        """Keep a timing."""
        self._known[_key(content)] = timing
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            entry = {"content": content, "timing": asdict(timing)}
            write_sealed(self.folder / f"{_key(content)}.json", entry)


def _key(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def _read(path: Path, content: str) -> Timing | None:
    try:
        entry = read_sealed(path)
        if entry["content"] != content:
            return None
        return Timing(**entry["timing"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
