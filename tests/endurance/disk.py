"""A disk that fills while a file is written: the last write is a short one, and all that follow fail."""

import builtins
import errno
import io
import os
from pathlib import Path
from typing import Any


class Disk:
    """The free bytes of a folder, which `open` uses up in this process, for good.

    Args:
        free: bytes; what is removed gives none back.
    """

    def __init__(self, folder: Path, free: float) -> None:
        self.free, self.written = free, 0
        self._inside, self._open = f"{folder}{os.sep}", io.open
        builtins.open = io.open = self._opened

    def _opened(self, file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        inside = not isinstance(file, int) and os.fsdecode(file).startswith(self._inside)
        if not inside or "+" in mode or mode in ("r", "rb"):
            return self._open(file, mode, *arguments, **keywords)
        opened = io.BufferedWriter(_Written(self, file, mode.replace("b", "").replace("t", "")))
        if "b" in mode:
            return opened
        return io.TextIOWrapper(opened, encoding="utf-8", newline=keywords.get("newline"))


class _Written(io.FileIO):
    """A file on such a disk."""

    def __init__(self, disk: Disk, file: Any, mode: str) -> None:
        super().__init__(file, mode)
        self._disk, self._path = disk, os.fsdecode(file)

    def write(self, data: Any, /) -> int:
        room = min(len(data), self._disk.free - self._disk.written)
        if data and room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        done = super().write(data[: int(room)])
        self._disk.written += done
        return done
