"""Folders of parts with a manifest: SHA-256 and size of each part, and what they are of."""

import contextlib
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hypernas.storage.files import draft_of, flush, flush_file
from hypernas.storage.seal import Altered, read_sealed, write_sealed
from hypernas.storage.tensors import Write

MANIFEST = "manifest.json"
_CHUNK = 2**23  # bytes that are hashed, written or read at once
_LARGEST = 2**20  # bytes of a manifest
_DRAFT = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.part")

Writer = Callable[[Write], object]


@dataclass(frozen=True)
class Part:
    """A file of the folder."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The parts of a folder, by the names of their files, and what they are of."""

    about: Mapping[str, Any]
    parts: Mapping[str, Part]


def write_folder(place: Path, parts: Mapping[str, Writer], about: Mapping[str, Any]) -> None:
    """Write a folder of parts, whole or not at all; what stood in its place is gone then.

    Args:
        parts: name of a file -> writes its content.
        about: what they are of, kept in the manifest.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(place)
    try:
        draft.mkdir()
        found = {name: asdict(_write(draft / name, writer)) for name, writer in parts.items()}
        write_sealed(draft / MANIFEST, {**about, "parts": found})
        with _moved_away(place):
            draft.rename(place)
        flush(place.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none.

    Raises:
        Altered: if it is not what was written.
    """
    path = folder / MANIFEST
    try:
        content = read_sealed(path, largest=_LARGEST)
        parts = {name: Part(**part) for name, part in content.pop("parts").items()}
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError) as error:
        raise Altered(f"{path} does not list the parts of a folder: {error!r}.") from None
    return Manifest(content, parts)


def check_parts(folder: Path, manifest: Manifest) -> None:
    """Compare each part with the manifest, its size first.

    Raises:
        Altered: naming every part that is not what was written.
    """
    wrong = [
        f"{name}: {fault}"
        for name, part in manifest.parts.items()
        if (fault := _fault(folder / name, part))
    ]
    if wrong:
        raise Altered(f"{folder} was altered since it was written:\n  " + "\n  ".join(wrong))


def remove_drafts(folder: Path) -> None:
    """Drop what killed processes left in a folder, to which nobody else writes now."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if _DRAFT.fullmatch(path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Drop a folder, which is seen whole or not at all meanwhile."""
    # The disk may be read-only, or others were faster.
    with contextlib.suppress(OSError), _moved_away(folder):
        pass


@contextlib.contextmanager
def _moved_away(place: Path) -> Iterator[None]:
    """Within, nothing stands in a place, and afterwards what stood there is gone; on errors it is back."""
    if not place.exists():
        yield
        return
    away = draft_of(place)
    place.rename(away)
    try:
        yield
    except BaseException:
        away.rename(place)
        raise
    shutil.rmtree(away, ignore_errors=True)


def _write(path: Path, writer: Writer) -> Part:
    with path.open("xb") as file, _Hashed(file) as sink:
        writer(sink.write)
        flush_file(file)
        return sink.part()


class _Hashed:
    """A sink that hashes, in a thread of its own, what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._content, self._size = file, hashlib.sha256(), 0
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> "_Hashed":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def write(self, data: memoryview | bytes, /) -> None:
        whole = memoryview(data)
        for begin in range(0, len(whole), _CHUNK):
            chunk = whole[begin : begin + _CHUNK]
            hashing = self._pool.submit(self._content.update, chunk)
            self._file.write(chunk)
            self._size += len(chunk)
            hashing.result()

    def part(self) -> Part:
        return Part(self._size, self._content.hexdigest())


def _fault(path: Path, part: Part) -> str:
    """The difference of a file from what was written; empty if there is none."""
    if not path.is_file():
        return "is not there"
    if (size := path.stat().st_size) != part.bytes:
        return f"has {size:,} bytes, expected {part.bytes:,}"
    content = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    found = content.hexdigest()
    return "" if found == part.sha256 else f"has the SHA-256 {found}, expected {part.sha256}"
