"""Archives of data: unpacked to no more bytes than a file may hold, whatever it states."""

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_WINDOW = 2**28  # bytes that unpacking may keep of what it has unpacked


@contextmanager
def unpacked(path: Path, *, largest: int) -> Iterator[BinaryIO]:
    """The bytes of a file, of one that ends with .gz or .xz those in it, as they are read.

    Args:
        largest: bytes that there may be; a reader that gets more refuses the file.

    Raises:
        ValueError: while it is read, if it is no archive of that kind, or cut off.
    """
    try:
        with _opened(path, largest) as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, MemoryError) as error:
        raise ValueError(
            f"{path} cannot be unpacked: expected a whole {path.suffix} archive, got one that is cut off or "
            f"altered ({error}). Get it again."
        ) from None


def read_unpacked(path: Path, *, largest: int) -> bytes:
    """All bytes of a file, unpacked.

    Raises:
        ValueError: if it is no archive, cut off, or larger than it may be.
    """
    with unpacked(path, largest=largest) as file:
        found = file.read(largest + 1)
    if len(found) > largest:
        raise ValueError(
            f"{path} holds more than {largest:,} bytes, unpacked: expected fewer. Get it again."
        )
    return found


def _opened(path: Path, largest: int) -> BinaryIO:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path))  # unpacks what is read of it
    if path.suffix != ".xz":
        return path.open("rb")
    unpacking = lzma.LZMADecompressor(memlimit=_WINDOW)
    with path.open("rb") as file:
        found = unpacking.decompress(file.read(largest + 1), max_length=largest + 1)
    if not unpacking.eof and len(found) <= largest:
        raise EOFError("the end is missing")
    return io.BytesIO(found)
