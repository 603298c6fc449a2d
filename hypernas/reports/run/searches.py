"""Searches of a run: their fronts, and all that they evaluated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.reports.figure import Figure, canvas, tell
from hypernas.reports.plain import plain_table
from hypernas.reports.section import Part
from hypernas.reports.style import COLOURS, MUTED, PAPER
from hypernas.reports.table import Cell, number, table, word
from hypernas.runs.fronts import TEST, is_of
from hypernas.runs.search import EVALUATIONS, FRONT
from hypernas.search.front import check_point
from hypernas.search.history import rows_of
from hypernas.storage.seal import Altered, read_sealed

_TESTED = (
    "The front as hypernas evaluate measured it on the test split, which the search never read."
)
_EARLIER = (
    "An earlier front of this search, as hypernas evaluate measured it on the test split: the search went "
    "on since, and the front above has other architectures."
)


@dataclass(frozen=True)
class Found:
    """A search that has ended, read from its folder.

    Attributes:
        front: what front.json holds.
        values: measure -> value of each evaluation, in the order they were made.
    """

    folder: Path
    front: Mapping[str, Any]
    values: Mapping[str, np.ndarray]

    @property
    def objectives(self) -> list[str]:
        return [objective["name"] for objective in self.front["objectives"]]

    @property
    def aim(self) -> str:
        """The objectives and the constraints in words."""
        goals = [
            f"{'high' if part['maximize'] else 'low'} {_worded(part['name'])}"
            for part in self.front["objectives"]
        ]
        limits = [
            f"{_worded(part['name'])} {'≤' if part['at_most'] else '≥'} {part['bound']:g}"
            for part in self.front["constraints"]
        ]
        return ", ".join([*goals, *limits])


def searches_of(run: Path) -> list[Path]:
    """The folders of a run's searches that have ended, by name."""
    return [path.parent for path in sorted(run.glob(f"searches/*/{FRONT}"))]


def read_search(folder: Path) -> Found:
    """A search that has ended.

    Raises:
        ValueError: if its files are broken.
    """
    try:
        front = read_sealed(folder / FRONT)
        rows = rows_of((folder / EVALUATIONS).read_bytes())
        names = list(front["points"][0]["values"])
        for point in front["points"]:
            check_point(point)
        values = {name: np.array([float(row[name]) for row in rows]) for name in names}
    except Altered as error:
        raise ValueError(f"{folder} does not hold a whole search: {error}") from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} does not hold a whole search: {error!r}.") from None
    return Found(folder, front, values)


def draw(folder: Path) -> None:
    """Write the figure of a search into its folder: `front.svg` and `front.png`."""
    _figure(read_search(folder), "front", "").write(folder)


def parts_of(found: Found, place: str, title: str) -> list[Part]:
    """The front of a search, and its measures on test if there are any."""
    parts = [Part(place, title, lambda: [_table(found)], (_figure(found, place, title),))]
    test = found.folder / TEST
    if test.is_file():
        words = _TESTED if is_of(test, found.folder / FRONT) else _EARLIER
        parts.append(Part(f"{place}-test", f"{title}, test", lambda: [plain_table(test, words)]))
    return parts


def broken(folder: Path, error: ValueError, place: str) -> Part:
    """A part that tells why a search is not shown."""
    row = {"search": word(folder.name, code=True), "error": word(str(error))}
    caption = "This search cannot be read, and is left out."
    return Part(place, f"Search in {folder.name}", lambda: [table([row], caption)])


def _table(found: Found) -> DataFrame:
    rows = []
    for point in found.front["points"]:
        row = {_worded(n): _cell(v, point["intervals"].get(n)) for n, v in point["values"].items()}
        text = json.dumps(point["architecture"]).replace('"', "")
        rows.append({**row, "architecture": word(text)})
    caption = (
        f"Aim: {found.aim}. {len(next(iter(found.values.values())))} architectures were evaluated on "
        f"validation with calibrated norms. Intervals are of the split's examples, or of repeated "
        f"measurements."
    )
    return table(rows, caption)


def _cell(value: float, ends: list[float] | None) -> Cell:
    """A number of as many digits as it needs, with its interval."""
    digits = 0 if abs(value) >= 1000 else 4 if abs(value) < 1 else 2
    plain = number(value, digits, grouped=digits == 0)
    if ends is None:
        return plain
    low, high = (number(end, digits, grouped=digits == 0).text for end in ends)
    return Cell(f"{plain.text} [{low}, {high}]", value)


def _figure(found: Found, place: str, title: str) -> Figure:
    num = len(next(iter(found.values.values())))
    caption = f"Aim: {found.aim}. {num} architectures, on validation; "
    if len(found.objectives) == 1:
        caption += "the best so far that meets the constraints."
        return Figure(place, title, caption, partial(_best, found))
    caption += "the front is joined by steps, bars are its intervals."
    if len(found.objectives) > 2:
        caption += " Of the objectives the first two are drawn."
    return Figure(place, title, caption, partial(_front, found))


def _front(found: Found, width: float) -> Canvas:
    """The first objective against the second: all that was evaluated, and the front."""
    up, across = found.objectives[:2]
    drawing = canvas(width, 3.4)
    axes = drawing.add_subplot()
    every = {"s": 14, "color": MUTED, "alpha": 0.45, "linewidths": 0}
    axes.scatter(found.values[across], found.values[up], **every)
    points = sorted(found.front["points"], key=lambda point: point["values"][across])
    xs, ys = (np.array([p["values"][name] for p in points]) for name in (across, up))
    colour = COLOURS["blue"][0]
    axes.step(xs, ys, where="post", color=colour, linewidth=1.2)
    _bars(axes, points, xs, ys, up)
    marks = axes.scatter(xs, ys, s=30, color=colour, edgecolors=PAPER, linewidths=0.6, zorder=3)
    tell(marks, [json.dumps(point["architecture"]).replace('"', "") for point in points])
    axes.set(xlabel=_worded(across), ylabel=_worded(up))
    return drawing


def _bars(axes: Axes, points: list[Any], xs: np.ndarray, ys: np.ndarray, name: str) -> None:
    """Intervals of the front's points."""
    if all(name in point["intervals"] for point in points):
        ends = np.array([point["intervals"][name] for point in points]).T
        around = np.abs(ends - ys)
        axes.errorbar(xs, ys, around, fmt="none", ecolor=COLOURS["sky"][0], elinewidth=0.9)


def _best(found: Found, width: float) -> Canvas:
    """The best value so far against the number of evaluations."""
    (objective,) = found.front["objectives"]
    sign = -1.0 if objective["maximize"] else 1.0
    losses = sign * found.values[objective["name"]]
    for part in found.front["constraints"]:
        values = found.values[part["name"]]
        there = values <= part["bound"] if part["at_most"] else values >= part["bound"]
        losses = np.where(there, losses, np.inf)
    best = np.minimum.accumulate(losses)
    reached = np.isfinite(best)
    drawing = canvas(width, 3.0)
    axes = drawing.add_subplot()
    steps = np.arange(1, len(best) + 1)
    axes.step(steps[reached], sign * best[reached], where="post", color=COLOURS["blue"][0])
    axes.set(xlabel="architectures evaluated", ylabel=f"best {_worded(objective['name'])}")
    return drawing


def _worded(name: str) -> str:
    return name.replace("_", " ")
