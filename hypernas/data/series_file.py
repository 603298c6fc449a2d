"""Files of labelled series: `.ts`, CSV and NumPy, of unequal lengths."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Legend: N series of F features, the n-th of T_n frames.


class Series(NamedTuple):
    """Labelled series, as a file has them."""

    values: list[Tensor]  # each of shape (F, T_n)
    labels: list[str]


def read_series(path: Path, text: str | None = None) -> Series:
    """The series of a file, by its suffix.

        .ts    one series a line after "@data": features apart by ":", frames by ",", the label last
        .csv   one frame a line, after a line of names: series, label, and one column a feature
        .npz   arrays without pickles: values (all frames, F), lengths (N,), labels (N,)

    Args:
        text: what a text file says, if it is in no folder.

    Raises:
        ValueError: naming the file, the line and what is wrong there.
    """
    readers: dict[str, Callable[[str], Series]] = {".ts": _ts, ".csv": _csv}
    if path.suffix not in (*readers, ".npz"):
        raise ValueError(f"{path}: expected a file .ts, .csv or .npz of series.")
    try:
        found = (
            _npz(path)
            if path.suffix == ".npz"
            else readers[path.suffix](path.read_text() if text is None else text)
        )
    except (ValueError, KeyError) as error:
        raise ValueError(f"{path} does not hold labelled series: {error}.") from None
    features = {len(value) for value in found.values}
    if len(features) != 1 or min(value.shape[-1] for value in found.values) < 1:
        raise ValueError(
            f"{path}: expected series of the same features, and of a frame or more, got "
            f"{len(found.values)} series of {sorted(features)} features."
        )
    if wrong := [n for n, value in enumerate(found.values) if not bool(value.isfinite().all())]:
        raise ValueError(
            f"{path}: expected numbers, got missing values in the series {wrong[:5]} (from 0): fill "
            f"them, or leave those series out."
        )
    return found


def _ts(text: str) -> Series:
    values, labels, head = [], [], True
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if head or not line or line.startswith(("#", "%")):
            head = head and line.lower() != "@data"
            continue
        *features, label = map(str.strip, line.split(":"))
        try:
            rows = [[float(x.replace("?", "nan")) for x in row.split(",")] for row in features]
            values.append(torch.tensor(rows))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if values[-1].dim() != 2:
            raise ValueError(
                f"line {number}: expected features apart by ':' and a label after the last"
            )
        labels.append(label)
    if not values:
        raise ValueError("no series after a line @data")
    return Series(values, labels)


def _csv(text: str) -> Series:
    rows = list(csv.reader(text.splitlines()))
    if not rows or rows[0][:2] != ["series", "label"] or len(rows[0]) < 3:
        raise ValueError("the first line must be series,label and a name for each feature")
    frames: dict[str, list[list[float]]] = {}
    labels: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) < 2:
            raise ValueError(f"line {number}: expected a series, a label and features, got {row}")
        name, label, *features = map(str.strip, row)
        if labels.setdefault(name, label) != label or len(features) != len(rows[0]) - 2:
            raise ValueError(f"line {number}: another label, or number of features, than before")
        try:
            frames.setdefault(name, []).append([float(feature) for feature in features])
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    if not frames:
        raise ValueError("no line after the first")
    return Series([torch.tensor(f).T for f in frames.values()], list(labels.values()))


def _npz(path: Path) -> Series:
    with np.load(path, allow_pickle=False) as arrays:
        values, lengths, labels = (arrays[name] for name in ("values", "lengths", "labels"))
    if values.ndim != 2 or lengths.sum() != len(values) or lengths.shape != labels.shape:
        raise ValueError(
            f"values {values.shape}, lengths {lengths.shape} and labels {labels.shape} do not fit"
        )
    if not np.issubdtype(lengths.dtype, np.integer) or (lengths < 1).any():
        raise ValueError(f"lengths must be whole numbers of 1 or more, got {lengths[:5].tolist()}")
    parts = torch.from_numpy(values).float().T.split(lengths.tolist(), dim=1)
    return Series(list(parts), [str(label) for label in labels])
