"""Locks: one process at a time in a folder."""

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".lock"  # the file that is locked; it says by whom, and goes with the lock unless its holder is killed
_UNKNOWN = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}  # to file systems without locks
_open: set[int] = set()  # files of locks that this process holds


@contextmanager
def held(folder: Path | None) -> Iterator[None]:
    """Hold a folder, which is made if it is not there, while other processes that want it are refused.

    The lock ends with the process, however that ends; processes that it started do not prolong it. Where
    the system or its file system knows no such locks, nobody is refused. None is no folder.

    Raises:
        FileExistsError: if another process holds it, telling which, where, and since when.
    """
    if folder is None or os.name != "posix":
        yield
        return
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _LOCK
    handle = _locked(path)
    _open.add(handle)
    try:
        _tell(handle)
        yield
    finally:
        if handle in _open:  # as it is not in a process that was forked within
            with contextlib.suppress(OSError):
                path.unlink()  # while it is held, so that nobody else's can be meant
            _open.discard(handle)
            os.close(handle)
            if made:
                with contextlib.suppress(OSError):
                    folder.rmdir()  # which was not used, as nothing could begin


def _locked(path: Path) -> int:
    """The open and locked file of a path."""
    import fcntl  # POSIX alone has it

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(handle)
            os.close(handle)
            raise FileExistsError(
                f"another process works in {path.parent}: {holder}. Wait for its end, or choose another "
                f"folder."
            ) from None
        except OSError as error:
            if error.errno not in _UNKNOWN:
                os.close(handle)
                raise
        if _is_of(handle, path):
            return handle
        os.close(handle)  # its last holder took it away between our two calls: try the next


def _is_of(handle: int, path: Path) -> bool:
    """True if a path still names the file that is open."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _tell(handle: int) -> None:
    """Write who holds a lock into its file."""
    own = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S%z"),
        "command": " ".join(map(os.path.basename, sys.argv[:2])),
    }
    with contextlib.suppress(OSError):  # a full disk refuses nobody
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(own).encode(), 0)


def _holder(handle: int) -> str:
    """Words for who holds a lock."""
    try:
        found = json.loads(os.pread(handle, 2**12, 0))
        return f"process {found['pid']} on {found['host']} ({found['command']}), since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it has not said who it is"


def _leave() -> None:
    """Close a forked process's copies, which would hold what its parent gives up or dies with."""
    for handle in _open:
        os.close(handle)
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)
