"""CSV files, read whole and checked cell by cell."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_TOLD = 5  # misfits in one message


def columns(path: Path) -> list[str]:
    """The names in the first line.

    Raises:
        ValueError: if there is none, or a name stands twice.
    """
    with path.open(newline="", encoding="utf-8") as file:
        names = next(csv.reader(file), [])
    if not names:
        raise ValueError(f"{path} is empty: expected a line of column names.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}, line 1: the columns {twice} stand there more than once.")
    return names


def read(path: Path, parsers: Mapping[str, Callable[[str], Any]]) -> list[dict[str, Any]]:
    """The rows of a file, each cell parsed; columns without a parser are text.

    Args:
        parsers: column -> function that raises ValueError("expected ...").

    Raises:
        ValueError: naming the file, the line and the column of the first misfits.
    """
    names = columns(path)
    if missing := [name for name in parsers if name not in names]:
        raise ValueError(
            f"{path} lacks the columns {missing}: expected {list(parsers)}, got {names}."
        )
    rows, misfits = [], []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for cells in filter(None, reader):
            line = reader.line_num
            if len(cells) != len(names):
                misfits.append(f"line {line}: expected {len(names)} cells, got {len(cells)}")
                continue
            row: dict[str, Any] = dict(zip(names, cells, strict=True))
            for name, parse in parsers.items():
                try:
                    row[name] = parse(row[name])
                except ValueError as error:
                    misfits.append(f"line {line}, column {name}: {error}, got {row[name]!r}")
            rows.append(row)
    if misfits:
        more = f"\n  and {len(misfits) - _TOLD} more" if len(misfits) > _TOLD else ""
        raise ValueError(f"{path} is broken:\n  " + "\n  ".join(misfits[:_TOLD]) + more)
    if not rows:
        raise ValueError(f"{path} has no rows below its column names.")
    return rows


def number(text: str) -> float:
    """A number; nan where the cell is empty."""
    try:
        return float(text or "nan")
    except ValueError:
        raise ValueError("expected a number") from None


def finite(text: str) -> float:
    """A number that is there."""
    value = number(text)
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def whole(text: str) -> int:
    """An integer."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("expected an integer") from None


def word(text: str) -> str:
    """Text that is there."""
    if not text:
        raise ValueError("expected a name")
    return text


def one_of(*allowed: str) -> Callable[[str], str]:
    """A parser of some words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"expected one of {list(allowed)}")
        return text

    return parse


def mapping(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def distinct(rows: Sequence[Mapping[str, Any]], key: Sequence[str], path: Path) -> None:
    """Refuse two rows of one key.

    Raises:
        ValueError: naming the first such key.
    """
    seen = set()
    for row in rows:
        values = tuple(row[name] for name in key)
        if values in seen:
            pairs = ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
            raise ValueError(f"{path} has two rows for {pairs}: expected one. Drop one of them.")
        seen.add(values)


def agree(
    rows: Sequence[Mapping[str, Any]], key: Sequence[str], columns: Sequence[str], path: Path
) -> None:
    """Refuse rows of one key that differ in columns which say something of the key.

    Raises:
        ValueError: naming the first such key and column.
    """
    first: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        values = tuple(row[name] for name in key)
        before = first.setdefault(values, row)
        for column in columns:
            one, other = before[column], row[column]
            if one != other and not (one != one and other != other):  # both nan
                pairs = ", ".join(f"{n} {v}" for n, v in zip(key, values, strict=True))
                raise ValueError(
                    f"{path}, column {column}: expected one value for {pairs or 'a task'}, "
                    f"got {one!r} and {other!r}."
                )
