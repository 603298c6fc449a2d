"""Files of fronts, in the place of architectures."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

from hypernas.search import Front
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.storage.seal import read_sealed

_FILE = re.compile(r"(?P<path>.+\.json)(?::(?P<point>.*))?", re.DOTALL)
TEST = "test.csv"


def names_front(text: object) -> bool:
    """True for FRONT.json, FRONT.json:best, FRONT.json:best:latency and FRONT.json:3."""
    return isinstance(text, str) and "{" not in text and bool(_FILE.fullmatch(text))


def points_of(space: SearchSpace, text: str, *, label: str = "front") -> dict[str, Architecture]:
    """The architectures of a front's file, or the one that is named behind it, by label.

    Args:
        label: of the front, with which labels of its points begin.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no front, or one of another space, or has no such point.
    """
    path, point = _split(text)
    front = Front.read(path, space)
    if point is None:
        return {f"{label}_{i}": one.architecture for i, one in enumerate(front.points)}
    return {f"{label}_{point.replace(':', '_')}": front.pick(point).architecture}


def point_of(space: SearchSpace, text: str) -> Architecture:
    """The architecture that is named behind a front's file.

    Raises:
        FileNotFoundError, ValueError: as `points_of`; and if several are meant.
    """
    found = list(points_of(space, text).values())
    if len(found) > 1:
        raise ValueError(
            f"{text} has {len(found)} architectures, and one is wanted: say which, as {text}:best, "
            f"{text}:best:OBJECTIVE or {text}:0 to {text}:{len(found) - 1}."
        )
    return found[0]


def test_table(architectures: Sequence[object], split: str) -> Path | None:
    """The file for the measures of a whole front on the test split, which is read once; None for all else.

    Raises:
        FileExistsError: if it was read before.
    """
    if len(architectures) != 1 or split != "test" or not names_front(architectures[0]):
        return None
    path, point = _split(str(architectures[0]))
    if point is not None:
        return None
    place = path.with_name(TEST)
    if place.exists() and not is_of(place, path):
        raise FileExistsError(
            f"{place} is of an earlier front: the search went on since, and the test split was read "
            f"once already. out=FILE measures this front there too; say so wherever you report it."
        )
    if place.exists():
        raise FileExistsError(
            f"the test split was read for {path} before: see {place}. It is to be read once, for what a "
            f"search ends with; split=validation may be read again, out=FILE writes elsewhere."
        )
    return place


def is_of(table: Path, front: Path) -> bool:
    """True if a table of measures has the architectures of a front's file, and no others."""
    try:
        points = read_sealed(front)["points"]
        with table.open(newline="", encoding="utf-8") as file:
            measured = [json.loads(row["architecture"]) for row in csv.DictReader(file)]
        return measured == [point["architecture"] for point in points]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def front_text(front: Front) -> str:
    """A front in lines: its values, those of objectives first, and architectures."""
    names = list(front.points[0].values)
    rows = [[*names, "architecture"]]
    for point in front.points:
        values = [f"{point.values[name]:.6g}" for name in names]
        rows.append([*values, point.architecture.to_json().replace('"', "")])
    widths = [max(len(row[i]) for row in rows) for i in range(len(names))]
    return "\n".join(
        "  ".join([*(cell.rjust(w) for cell, w in zip(row[:-1], widths, strict=True)), row[-1]])
        for row in rows
    )


def _split(text: str) -> tuple[Path, str | None]:
    found = _FILE.fullmatch(text)
    if found is None:
        raise ValueError(f"expected FRONT.json or FRONT.json:POINT, got {text!r}.")
    return Path(found["path"]), found["point"]
