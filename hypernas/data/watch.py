"""A watch's motions: exercises of the shoulder, from the package seglearn."""

import importlib.util
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypernas.data.data import Data, DataNotFound
from hypernas.data.series import series_data
from hypernas.data.series_file import Series

_FILE = "watch_dataset.npy"
_KEYS = ("X", "y", "subject", "y_labels")
_VALIDATION, _TEST = 1, 3  # people, the last of the list for test

# Legend: N series of F features, the n-th of T_n frames.


def watch(*, root: str | os.PathLike[str] | None = None, every: int = 10) -> Data:
    """140 series of 6 features at 50 Hz: a watch's accelerometer and gyroscope, 7 exercises by 10 people.

    Burns et al., "Shoulder physiotherapy exercise recognition", 2018, arXiv 1802.01489 (BSD). Nobody is in two splits: six people
    are for training, one for validation, three for test. Frames are averaged by tens, or there would be
    2,618 in the longest series.

    Args:
        root: wheel of the package seglearn, or a folder with its `watch_dataset.npy`; then the environment
            variable HYPERNAS_SEGLEARN; then seglearn, if it is installed.
        every: frames that are averaged to one; what is left at the end is dropped.

    Raises:
        DataNotFound: if the file is nowhere.
        ValueError: if it is another file, or `every` is below 1 or longer than a series.
    """
    given = root or os.environ.get("HYPERNAS_SEGLEARN")
    if given is None and (spec := importlib.util.find_spec("seglearn")) and spec.origin:
        given = Path(spec.origin).parent
    raw = _bytes(Path(given)) if given else None
    if raw is None:
        raise DataNotFound(
            f"watch: no {_FILE} in {given}. It comes with the package seglearn: pip download seglearn==1.2.5 --no-deps, "
            f"and give data.root=seglearn-1.2.5-py3-none-any.whl, or the environment variable HYPERNAS_SEGLEARN; or a "
            f"folder that has it."
        )
    series, people = read_watch(raw)
    shortest = min(value.shape[1] for value in series.values)
    if not 1 <= every <= shortest:
        raise ValueError(f"every must be from 1 to {shortest}, the shortest series, got {every}.")
    values = [averaged(value, every) for value in series.values]
    order = sorted(set(people))
    test, validation = order[-_TEST:], order[-_TEST - _VALIDATION : -_TEST]
    known = [n for n, person in enumerate(people) if person not in test]
    rest = [n for n, person in enumerate(people) if person in test]
    parts = [
        Series([values[n] for n in own], [series.labels[n] for n in own]) for own in (known, rest)
    ]
    kept = torch.tensor([people[n] in validation for n in known])
    return series_data("watch", *parts, kept=kept)


def averaged(
    value: Tensor,  # shape: (F, T)
    every: int,
) -> Tensor:  # shape: (F, T // every)
    """Means of so many frames each."""
    num = value.shape[1] // every
    return value[:, : num * every].unflatten(1, (num, every)).mean(-1)


def read_watch(raw: bytes) -> tuple[Series, list[int]]:
    """The series of a file as seglearn has it, and of each the number of the person.

    Raises:
        ValueError: if the file is another one, or holds more than arrays, numbers and text.
    """
    try:
        found = _unpickled(raw)
        values, numbers, people, names = (found[key] for key in _KEYS)
        labels = [str(names[int(n)]) for n in numbers]
        series = [torch.from_numpy(np.asarray(x, dtype=np.float32)).T.contiguous() for x in values]
        who = [int(person) for person in people]
        fits = len(series) == len(labels) == len(who) and all(x.dim() == 2 for x in series)
        if not fits or len(set(who)) <= _TEST + _VALIDATION:
            raise ValueError(
                f"expected series of (frames, features), a label and a person for each, and {_TEST + _VALIDATION + 1} "
                f"people or more, got {len(series)} series, {len(labels)} labels and {len(set(who))} people"
            )
    except (ValueError, KeyError, IndexError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{_FILE} is not that of seglearn: {error}. Get it again.") from None
    return Series(series, labels), who


def _bytes(root: Path) -> bytes | None:
    """The file of that name, somewhere in a folder or in a wheel."""
    if root.is_file() and zipfile.is_zipfile(root):
        with zipfile.ZipFile(root) as wheel:
            entries = [entry for entry in wheel.namelist() if entry.endswith(f"/{_FILE}")]
            return wheel.read(entries[0]) if entries else None
    path = next(iter(sorted(root.rglob(_FILE))), None) if root.is_dir() else None
    return None if path is None else path.read_bytes()


class _Plain(pickle.Unpickler):
    """Reads arrays, numbers, text and what contains them; whatever else is named is refused."""

    def find_class(self, module: str, name: str) -> Any:
        rebuild = np.empty(0).__reduce__()[0]  # under one name or another, by the version of numpy
        known = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("numpy.core.multiarray", "_reconstruct"): rebuild,
            ("numpy._core.multiarray", "_reconstruct"): rebuild,
            ("_codecs", "encode"): _encoded,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known[module, name]


def _encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def _unpickled(raw: bytes) -> Any:
    """The object that numpy wrote."""
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"expected numpy's format 1.0, got {version}")
    shape, _, kind = np.lib.format.read_array_header_1_0(file)
    if shape != () or kind != np.dtype("O"):
        raise ValueError(f"expected one object, got {kind} of the shape {shape}")
    return _Plain(file).load().item()
