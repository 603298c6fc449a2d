"""Files, written whole or not at all.

What is written goes to a sibling with a name of its own, is flushed to the disk, and takes its place by a
rename that is flushed too. A killed process, a full disk or a power failure leaves the file as it was.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LARGEST = (
    2**28
)  # bytes of a file that is read at once, 256 MiB; what hypernas writes is far smaller


def write_whole(path: Path, data: bytes | str) -> None:
    """Give a file these contents; text as UTF-8, its line ends as they are.

    Several processes may write the same: the file is then that of one of them.
    """
    with _written(path, data) as draft:
        draft.replace(path)
    flush(path.parent)


def write_new(path: Path, data: bytes | str) -> None:
    """Give a file that is not there yet these contents; of several processes one succeeds.

    Raises:
        FileExistsError: if it is there.
    """
    with _written(path, data) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links; then not quite safe against others
            if path.exists():
                raise FileExistsError(errno.EEXIST, "the file exists", str(path)) from None
            draft.replace(path)
    flush(path.parent)


def write_changed(path: Path, data: bytes) -> bool:
    """Give a file these contents, and make its folder; whether that changed anything."""
    if holds(path, data):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    return True


def holds(path: Path, data: bytes) -> bool:
    """True if a file is there and has these contents."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def read_bounded(path: Path, *, largest: int = LARGEST) -> bytes:
    """The contents of a file, whose size is looked at first.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is larger.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise ValueError(f"{path} has {size:,} bytes, expected at most {largest:,}.")
        return file.read(largest)


def draft_of(path: Path) -> Path:
    """A hidden sibling of a name that no other process takes."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def flush_file(file: BinaryIO) -> None:
    """Wait until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Systems and file systems that cannot flush a folder are left alone.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EROFS):
            raise
    finally:
        os.close(handle)


@contextlib.contextmanager
def _written(path: Path, data: bytes | str) -> Iterator[Path]:
    """A flushed sibling with these contents, which is gone afterwards."""
    draft = draft_of(path)
    try:
        with draft.open("xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            flush_file(file)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
