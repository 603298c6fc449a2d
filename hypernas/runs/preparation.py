"""The preparation of a run's data: what was learned to make inputs of them, kept as a digest."""

import hashlib
from pathlib import Path

from hypernas.data import Data
from hypernas.storage.seal import Altered, read_sealed, write_sealed

_FILE = "preparation.json"


def write_preparation(folder: Path, data: Data) -> None:
    """Write a digest of it into the folder of a run; nothing where nothing was learned."""
    if data.preparation is not None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {"data": data.name, "digest": _digest(data.preparation)}
        write_sealed(folder / _FILE, content)


def check_preparation(folder: Path, data: Data) -> None:
    """Refuse data whose inputs and targets mean something else than those that a run was trained on.

    A run that keeps no digest, as one of an earlier version, is refused by nobody.

    Raises:
        ValueError: telling what to do.
        Altered: if the file is not what was written.
    """
    path = folder / _FILE
    if not path.is_file():
        return
    try:
        kept = read_sealed(path)
        name, then = kept["data"], kept["digest"]
    except (KeyError, TypeError) as error:
        raise Altered(f"{path} does not hold a digest of what was learned: {error!r}.") from None
    now = "nothing" if data.preparation is None else _digest(data.preparation)
    if now != then:
        raise ValueError(
            f"{folder} was trained on other data: what was learned from the training split of {name!r} to make inputs of it, "
            f"such as a vocabulary, had the SHA-256 {then[:12]}..., and today's is {now[:12]}, so its symbols would be taken "
            f"for others. Give the file of then (data.root, or the environment variable that the data read), and the version "
            f"then of the package that learns it."
        )


def _digest(preparation: bytes) -> str:
    return hashlib.sha256(preparation).hexdigest()
