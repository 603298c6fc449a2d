"""Ratios of costs: the median and the quartiles over rounds, for arms on targets."""

import statistics
from collections.abc import Mapping, Sequence
from functools import partial

from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.reports import csv_file
from hypernas.reports.figure import Figure, canvas, logarithmic, of_arm
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import MUTED, Look, looks
from hypernas.reports.table import ABSENT, Cell, interval, table, word

_PARSERS = {
    "measure": csv_file.word,
    "target": csv_file.word,
    "arm": csv_file.word,
    "device": csv_file.word,
    "ratio_q1": csv_file.finite,
    "ratio_median": csv_file.finite,
    "ratio_q3": csv_file.finite,
    "rounds": csv_file.whole,
}
COLUMNS = set(_PARSERS)


def row(
    measure: str, target: str, arm: str, ratios: Sequence[float], *, device: str = "cpu"
) -> dict[str, str | int | float]:
    """The row of a file of ratios that tells those of an arm, two or more, by their median and quartiles."""
    low, median, high = (round(q, 3) for q in statistics.quantiles(ratios, n=4))
    return {
        "measure": measure,
        "target": target,
        "arm": arm,
        "device": device,
        "ratio_q1": low,
        "ratio_median": median,
        "ratio_q3": high,
        "rounds": len(ratios),
    }


def section(study: Study) -> Section:
    """One table and one figure for each measure, under the name `ratios`; a table alone under its own."""
    rows = csv_file.read(study.path, _PARSERS)
    csv_file.distinct(rows, ("measure", "target", "arm", "device"), study.path)
    measures = dict(list(rows.groupby("measure", sort=False)))
    arms = looks(list(rows["arm"].unique()))
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
    parts = {name: partial(_tables, {name: some}) for name, some in measures.items()}
    return Section(
        study.name,
        study.title,
        (
            Part("ratios", "Ratios", partial(_tables, measures), figures),
            *(Part(name, name, made, on_page=False) for name, made in parts.items()),
        ),
        lead=study.question,
        facts=(
            f"{len(arms)} arms",
            f"{rows['target'].nunique()} targets",
            "on " + ", ".join(rows["device"].unique()),
            f"{_rounds(rows)} rounds",
        ),
        looks=arms,
    )


def _tables(measures: Mapping[str, DataFrame]) -> list[DataFrame]:
    return [ratio_table(some, name) for name, some in measures.items()]


def ratio_table(rows: DataFrame, measure: str) -> DataFrame:
    """A row for each target and device, a column for each arm."""
    arms = {f"`{arm}`": Cell(ABSENT) for arm in rows["arm"].unique()}
    lines = []
    for (target, device), some in rows.groupby(["target", "device"], sort=False):
        found = {
            f"`{row.arm}`": interval(row.ratio_median, row.ratio_q1, row.ratio_q3)
            for row in some.itertuples()
        }
        lines.append({"target": word(target, code=True), "device": word(device), **arms, **found})
    caption = f"{_sentence(measure)}: ratio, median [quartiles] over {_rounds(rows)} rounds."
    return table(lines, caption)


def _draw(rows: DataFrame, arms: Mapping[str, Look], measure: str, width: float) -> Canvas:
    places = list(rows.groupby(["target", "device"], sort=False).groups)
    some_devices = rows["device"].nunique() > 1
    drawn = [arm for arm in arms if arm in set(rows["arm"])]
    drawing = canvas(width, 1.1 + len(places) * max(0.3, 0.13 * len(drawn)))
    axes = drawing.add_subplot()
    for number, arm in enumerate(drawn):
        some = rows[rows["arm"] == arm]
        middle = some["ratio_median"]
        shift = 0.7 * ((number + 0.5) / len(drawn) - 0.5)
        heights = [places.index(at) + shift for at in zip(some.target, some.device, strict=True)]
        ends = [middle - some["ratio_q1"], some["ratio_q3"] - middle]
        line, _, bars = axes.errorbar(middle, heights, xerr=ends, **arms[arm].line())
        line.set_label(arm)
        line.set_linestyle("none")
        of_arm(arm, line, *bars)
    axes.axvline(1, color=MUTED, linewidth=1)
    axes.set_xscale("log")
    logarithmic(axes.xaxis, unit="×")
    axes.set_yticks(range(len(places)), [f"{t} ({d})" if some_devices else t for t, d in places])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{measure.replace('_', ' ')} (ratio)")
    drawing.legend(loc="outside lower center", ncols=4 if width > 5 else 2)
    return drawing


def _rounds(rows: DataFrame) -> str:
    low, high = rows["rounds"].min(), rows["rounds"].max()
    return f"{low}" if low == high else f"{low} to {high}"


def _sentence(name: str) -> str:
    return name.replace("_", " ").capitalize()
