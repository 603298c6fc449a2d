"""Ratios of costs: the median and the quartiles over rounds, for arms on targets."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure as Canvas

from hypernas.reports import csv_file
from hypernas.reports.figure import Figure, canvas, logarithmic, of_arm
from hypernas.reports.kinds.kind import Kind
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import MUTED, Look, looks
from hypernas.reports.table import ABSENT, Cell, Table, interval, word

_COLUMNS = {
    "measure": csv_file.word,
    "target": csv_file.word,
    "arm": csv_file.word,
    "device": csv_file.word,
    "ratio_q1": csv_file.finite,
    "ratio_median": csv_file.finite,
    "ratio_q3": csv_file.finite,
    "rounds": csv_file.whole,
}


class Ratios(Kind):
    """One table and one figure for each measure, under the name `ratios`; a table alone under its own."""

    def fits(self, columns: Sequence[str]) -> bool:
        return set(_COLUMNS) <= set(columns)

    def section(self, study: Study) -> Section:
        rows = csv_file.read(study.path, _COLUMNS)
        csv_file.distinct(rows, ("measure", "target", "arm", "device"), study.path)
        measures = {name: _of(rows, measure=name) for name in _names(rows, "measure")}
        arms = looks(_names(rows, "arm"))
        figures = tuple(
            Figure(
                f"ratios-{name.replace(' ', '-')}",
                f"Ratios of {name}",
                f"{_sentence(name)}: median over {_rounds(some)} rounds (points) and its quartiles "
                f"(bars), on a logarithmic axis.",
                partial(_draw, some, arms, name),
            )
            for name, some in measures.items()
        )
        return Section(
            study.name,
            study.title(),
            (
                Part(
                    "ratios",
                    "Ratios",
                    lambda: [_table(some, name) for name, some in measures.items()],
                    figures,
                ),
                *(
                    Part(name, name, partial(_alone, some, name), on_page=False)
                    for name, some in measures.items()
                ),
            ),
            lead=study.question(),
            facts=(
                f"{len(arms)} arms",
                f"{len(_names(rows, 'target'))} targets",
                "on " + ", ".join(_names(rows, "device")),
                f"{_rounds(rows)} rounds",
            ),
            looks=arms,
        )


def _alone(rows: list[dict[str, Any]], measure: str) -> list[Table]:
    return [_table(rows, measure)]


def _table(rows: list[dict[str, Any]], measure: str) -> Table:
    arms = _names(rows, "arm")
    lines = []
    for target, device in dict.fromkeys((row["target"], row["device"]) for row in rows):
        found = {row["arm"]: row for row in _of(rows, target=target, device=device)}
        cells = [_cell(found[arm]) if arm in found else Cell(ABSENT) for arm in arms]
        lines.append((word(target, code=True), word(device), *cells))
    return Table(
        ("target", "device", *(f"`{arm}`" for arm in arms)),
        tuple(lines),
        f"{_sentence(measure)}: ratio, median [quartiles] over {_rounds(rows)} rounds.",
    )


def _cell(row: dict[str, Any]) -> Cell:
    return interval(row["ratio_median"], row["ratio_q1"], row["ratio_q3"])


def _draw(rows: list[dict[str, Any]], arms: dict[str, Look], measure: str, width: float) -> Canvas:
    places = list(dict.fromkeys((row["target"], row["device"]) for row in rows))
    devices = _names(rows, "device")
    drawn = [arm for arm in arms if arm in _names(rows, "arm")]
    drawing = canvas(width, 1.1 + len(places) * max(0.3, 0.13 * len(drawn)))
    axes = drawing.add_subplot()
    keys = []
    for number, arm in enumerate(drawn):
        some = _of(rows, arm=arm)
        shift = 0.7 * ((number + 0.5) / len(drawn) - 0.5)
        heights = [places.index((row["target"], row["device"])) + shift for row in some]
        middle = [row["ratio_median"] for row in some]
        ends = (
            [row["ratio_median"] - row["ratio_q1"] for row in some],
            [row["ratio_q3"] - row["ratio_median"] for row in some],
        )
        look = arms[arm]
        (line, _, bars) = axes.errorbar(middle, heights, xerr=ends, **look.line())
        line.set_label(arm)
        line.set_linestyle("none")
        of_arm(arm, line, *bars)
        keys.append(line)
    axes.axvline(1, color=MUTED, linewidth=1)
    axes.set_xscale("log")
    logarithmic(axes.xaxis, unit="×")
    names = [t if len(devices) == 1 else f"{t} ({d})" for t, d in places]
    axes.set_yticks(range(len(places)), names)
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{measure.replace('_', ' ')} (ratio)")
    drawing.legend(handles=keys, loc="outside lower center", ncols=4 if width > 5 else 2)
    return drawing


def _of(rows: list[dict[str, Any]], **wanted: str) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _names(rows: list[dict[str, Any]], column: str) -> list[str]:
    return list(dict.fromkeys(row[column] for row in rows))


def _rounds(rows: list[dict[str, Any]]) -> str:
    counts = sorted({row["rounds"] for row in rows})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _sentence(name: str) -> str:
    return name.replace("_", " ").capitalize()
