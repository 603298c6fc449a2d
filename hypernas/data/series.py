"""Labelled series of unequal lengths, padded, with a mask as their last channel."""

import importlib.util
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from hypernas.data.data import Data, DataNotFound
from hypernas.data.series_file import Series, read_series

_EVERY = 5  # one in so many training series of a class is for validation

# Legend: N series of F features, padded to T frames.


def time_series(
    *, train: str | os.PathLike[str], test: str | os.PathLike[str], name: str | None = None
) -> Data:
    """Series of two files, `.ts`, `.csv` or `.npz` (see `read_series`), for training and for test.

    Inputs have shape (F + 1, T): features standardised by the training series, then 1 where the
    series goes on and 0 behind its end. T is the longest of all series. Every fifth training series
    of a class is for validation; the test file is the test split as it is.

    Args:
        train, test: the files.
        name: of the data; None for the name of the training file.

    Raises:
        DataNotFound: if a file is not there.
        ValueError: if a file is of another form, or the two do not fit together.
    """
    paths = [Path(train), Path(test)]
    for path in paths:
        if not path.is_file():
            raise DataNotFound(f"no file {path} of series: give data.train and data.test.")
    return series_data(name or paths[0].stem, *(read_series(path) for path in paths))


def basic_motions(*, root: str | os.PathLike[str] | None = None) -> Data:
    """40 + 40 series of 6 features and 100 frames: a watch's accelerometer and gyroscope, 4 activities.

    Of the UEA archive (Bagnall et al., 2018, arXiv 1811.00075), in the published split.

    Args:
        root: folder of `BasicMotions_TRAIN.ts` and `_TEST.ts`, or the wheel of the package aeon; then
            the environment variable HYPERNAS_AEON; then aeon, if it is installed.

    Raises:
        DataNotFound: if the files are nowhere.
    """
    return _archived("basic_motions", "BasicMotions", root)


def japanese_vowels(*, root: str | os.PathLike[str] | None = None) -> Data:
    """270 + 370 series of 12 features and 7 to 29 frames: two vowels by 9 speakers.

    Kudo, Toyama and Shimbo, "Multidimensional curve classification using passing-through regions",
    1999; of the UEA archive, in the published split.

    Args:
        root: as of `basic_motions`.

    Raises:
        DataNotFound: if the files are nowhere.
    """
    return _archived("japanese_vowels", "JapaneseVowels", root)


def _archived(name: str, problem: str, root: str | os.PathLike[str] | None) -> Data:
    given = root or os.environ.get("HYPERNAS_AEON")
    if given is None and (spec := importlib.util.find_spec("aeon")) and spec.origin:
        given = Path(spec.origin).parent
    found = [
        _part(Path(given), f"{problem}_{part}.ts") if given else None for part in ("TRAIN", "TEST")
    ]
    train, test = found
    if train is None or test is None:
        raise DataNotFound(
            f"{name}: no {problem}_TRAIN.ts and {problem}_TEST.ts in {given}. They come with the package "
            f"aeon: pip download aeon==1.6.0 --no-deps, and give data.root=aeon-1.6.0-py3-none-any.whl, "
            f"or the environment variable HYPERNAS_AEON; or a folder that has them."
        )
    return series_data(name, train, test)


def _part(root: Path, file: str) -> Series | None:
    """The series of a file of that name, somewhere in a folder or in a wheel."""
    if root.is_file() and zipfile.is_zipfile(root):
        with zipfile.ZipFile(root) as wheel:
            for entry in wheel.namelist():
                if entry.endswith(f"/{file}"):
                    return read_series(root / file, wheel.read(entry).decode())
    path = next(iter(sorted(root.rglob(file))), None) if root.is_dir() else None
    return None if path is None else read_series(path)


def series_data(name: str, train: Series, test: Series, *, kept: Tensor | None = None) -> Data:
    """Padded and standardised splits.

    Args:
        kept: truth values of shape (N,), the training series that are for validation; None for
            every fifth of each class.

    Raises:
        ValueError: if the two do not fit together.
    """
    classes = sorted(set(train.labels))
    num = {"features": (len(train.values[0]), len(test.values[0]))}
    unknown = sorted(set(test.labels) - set(classes))
    if unknown or len(set(num["features"])) > 1 or len(classes) < 2:
        raise ValueError(
            f"{name}: expected 2 classes or more, test series of those that are trained on, and of as many "
            f"features; got the classes {classes[:10]}, {unknown[:10]} besides in test, and "
            f"{num['features'][0]} and {num['features'][1]} features."
        )
    length = max(value.shape[1] for series in (train, test) for value in series.values)
    every = torch.cat(train.values, dim=1)
    mean, deviation = every.mean(1, keepdim=True), every.std(1, keepdim=True).clamp(min=1e-6)
    inputs, targets = [], []
    for series in (train, test):
        values = [(value - mean) / deviation for value in series.values]
        inputs.append(padded(values, length))
        targets.append(torch.tensor([classes.index(label) for label in series.labels]))
    kept = _validation(targets[0]) if kept is None else kept
    parts = [
        TensorDataset(inputs[0][~kept], targets[0][~kept]),
        TensorDataset(inputs[0][kept], targets[0][kept]),
        TensorDataset(inputs[1], targets[1]),
    ]
    return Data(name, *parts, input_shape=tuple(inputs[0].shape[1:]), num_classes=len(classes))


def padded(values: Sequence[Tensor], length: int) -> Tensor:  # shape: (N, F + 1, length)
    """Series with zeros behind their ends, and a channel more that is 1 before it and 0 behind.

    Args:
        values: each of shape (F, T_n), T_n at most `length`.
    """
    made = torch.zeros(len(values), len(values[0]) + 1, length)
    for row, value in zip(made, values, strict=True):
        row[:-1, : value.shape[1]] = value
        row[-1, : value.shape[1]] = 1
    return made


def _validation(targets: Tensor) -> Tensor:  # shape: (N,), True for those
    """Every fifth series of each class, in the file's order; of fewer than five, the last."""
    kept = torch.zeros(len(targets), dtype=torch.bool)
    for label in targets.unique():
        own = (targets == label).nonzero().flatten()
        kept[own[_EVERY - 1 :: _EVERY] if len(own) >= _EVERY else own[1:][-1:]] = True
    return kept
