"""Locks: one process at a time in a folder."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNKNOWN = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}  # to file systems without locks


@contextmanager
def held(folder: Path | None) -> Iterator[None]:
    """Hold a folder, which is made if it is not there, while other processes that want it are refused.

    The lock ends with the process, however that ends, and leaves no file. Where the system or its
    file system knows no such locks, nobody is refused. None is no folder.

    Raises:
        FileExistsError: if another process holds it.
    """
    if folder is None or os.name != "posix":
        yield
        return
    import fcntl  # POSIX alone has it

    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(
                f"another process works in {folder}: wait for its end, or choose another folder."
            ) from None
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
        yield
    finally:
        os.close(handle)
