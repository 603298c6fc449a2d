"""CSV files, read whole into DataFrames and checked cell by cell."""

import csv
import json
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from pandas import DataFrame

_TOLD = 5  # misfits in one message


def columns(path: Path) -> list[str]:
    """The names in the first line.

    Raises:
        ValueError: if there is none, or a name stands twice.
    """
    _, names = next(_lines(path), (0, []))
    if not names:
        raise ValueError(f"{path} is empty: expected a line of column names.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}, line 1: the columns {twice} stand there more than once.")
    return names


def read(path: Path, parsers: Mapping[str, Callable[[str], object]] | None = None) -> DataFrame:
    """The rows of a file, each cell parsed; columns without a parser are text.

    Args:
        parsers: column -> function that raises ValueError("expected ...").

    Raises:
        ValueError: naming the file, the line and the column of the first misfits.
    """
    parsers = parsers or {}
    names = columns(path)
    lines = [(number, cells) for number, cells in _lines(path) if cells][1:]
    if missing := [name for name in parsers if name not in names]:
        raise ValueError(
            f"{path} lacks the columns {missing}: expected {list(parsers)}, got {names}."
        )
    misfits: list[str] = []
    rows = []
    for line, cells in lines:
        if len(cells) == len(names):
            row = dict(zip(names, cells, strict=True))
            rows.append(_parsed(row, parsers, f"line {line}", misfits))
        else:
            misfits.append(f"line {line}: expected {len(names)} cells, got {len(cells)}")
    if misfits:
        more = f"\n  and {len(misfits) - _TOLD} more" if len(misfits) > _TOLD else ""
        raise ValueError(f"{path} is broken:\n  " + "\n  ".join(misfits[:_TOLD]) + more)
    if not rows:
        raise ValueError(f"{path} has no rows below its column names.")
    return DataFrame(rows)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file by their numbers, each cut into cells.

    Raises:
        ValueError: if it is no text, or no CSV file.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} is broken after line {reader.line_num}: expected CSV in UTF-8 ({error}). Get it again."
            ) from None


def _parsed(
    row: dict[str, str],
    parsers: Mapping[str, Callable[[str], object]],
    line: str,
    misfits: list[str],
) -> dict[str, object]:
    parsed: dict[str, object] = dict(row)
    for name, parse in parsers.items():
        try:
            parsed[name] = parse(row[name])
        except ValueError as error:
            misfits.append(f"{line}, column {name}: {error}, got {row[name]!r}")
    return parsed


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


def mapping(text: str) -> dict[str, object]:
    """A JSON object."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def distinct(rows: DataFrame, key: Sequence[str], path: Path) -> None:
    """Refuse two rows of one key.

    Raises:
        ValueError: naming the first such key.
    """
    twice = rows[rows.duplicated(list(key))].to_dict("records")
    if twice:
        raise ValueError(
            f"{path} has two rows for {_pairs(twice[0], key)}: expected one. Drop one of them."
        )


def agree(rows: DataFrame, key: Sequence[str], columns: Sequence[str], path: Path) -> None:
    """Refuse rows of one key that differ in columns which say something of the key.

    Raises:
        ValueError: naming the first such key and column.
    """
    for column in columns:
        said: dict[tuple[object, ...], str] = {}
        for row in rows[[*key, column]].to_dict("records"):
            shown = repr(row[column])  # nan is equal to nan, as text
            first = said.setdefault(tuple(row[name] for name in key), shown)
            if first != shown:
                raise ValueError(
                    f"{path}, column {column}: expected one value for {_pairs(row, key) or 'a task'}, "
                    f"got {first} and {shown}."
                )


def _pairs(row: Mapping[Hashable, object], key: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in key)
