"""Curves: a measure against the training compute spent so far."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from hypernas.reports import csv_file
from hypernas.reports.figure import Figure, canvas, of_arm
from hypernas.reports.kinds.kind import Kind
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import FAINT, INK, Look, looks
from hypernas.reports.table import Table, figure, number, spread, tabulated, word

_COLUMNS = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "measure": csv_file.word,
    "unit": csv_file.word,
    "train_flops": csv_file.finite,
    "score": csv_file.finite,
}
_TOGETHER = 6  # arms in one panel at most, as many as there are hues; more have a panel each


@dataclass(frozen=True)
class _Task:
    """The curves of a task.

    Attributes:
        measure, unit: of the scores.
        lines: arm -> seed -> shape (points, 2): FLOPs, score.
    """

    name: str
    measure: str
    unit: str
    lines: Mapping[str, Mapping[int, np.ndarray]]

    @property
    def seeds(self) -> str:
        counts = sorted({len(seeds) for seeds in self.lines.values()})
        return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


class Curve(Kind):
    """A figure and a table for each task, under the name `curve`."""

    def fits(self, columns: Sequence[str]) -> bool:
        return set(_COLUMNS) <= set(columns)

    def section(self, study: Study) -> Section:
        rows = csv_file.read(study.path, _COLUMNS)
        csv_file.distinct(rows, ("task", "arm", "seed", "train_flops"), study.path)
        csv_file.agree(rows, ("task",), ("measure", "unit"), study.path)
        tasks = [_task(rows, name) for name in dict.fromkeys(row["task"] for row in rows)]
        arms = looks(list(dict.fromkeys(row["arm"] for row in rows)))
        return Section(
            study.name,
            study.title(),
            (
                Part(
                    "curve",
                    "Against compute",
                    lambda: [_table(task) for task in tasks],
                    tuple(_figure(task, arms) for task in tasks),
                ),
            ),
            lead=study.question(),
            facts=(
                f"{len(arms)} arms",
                *(f"{t.name}: {t.measure} ({t.unit}), {t.seeds} seeds" for t in tasks),
            ),
            looks=arms,
        )


def _task(rows: list[dict[str, Any]], name: str) -> _Task:
    own = [row for row in rows if row["task"] == name]
    found: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for row in own:
        seeds = found.setdefault(row["arm"], {})
        seeds.setdefault(row["seed"], []).append((row["train_flops"], row["score"]))
    lines = {
        arm: {seed: np.array(sorted(points)) for seed, points in seeds.items()}
        for arm, seeds in found.items()
    }
    return _Task(name, own[0]["measure"].replace("_", " "), own[0]["unit"], lines)


def _figure(task: _Task, arms: Mapping[str, Look]) -> Figure:
    apart = len(task.lines) > _TOGETHER
    panels = (
        " Each arm has a panel, with its mean at the end; grey are the others." if apart else ""
    )
    return Figure(
        f"curve-{task.name}",
        f"{task.measure.capitalize()} against training compute, {task.name}",
        f"{task.name}: {task.measure} in {task.unit} against the training FLOPs spent so far. Lines "
        f"are means over {task.seeds} seeds, bands their lowest and highest.{panels}",
        partial(_multiples if apart else _draw, task, arms),
    )


def _table(task: _Task) -> Table:
    runs = [points for seeds in task.lines.values() for points in seeds.values()]
    equal = min(points[-1, 0] for points in runs)
    scale, flops = _unit(task)
    rows = []
    for arm, seeds in task.lines.items():
        total = float(np.mean([points[-1, 0] for points in seeds.values()]))
        final = [float(points[-1, 1]) for points in seeds.values()]
        fair = [float(np.interp(equal, points[:, 0], points[:, 1])) for points in seeds.values()]
        rows.append(
            {
                "arm": word(arm, code=True),
                "seeds": number(len(seeds), 0),
                f"training compute ({flops})": number(total / scale),
                f"{task.measure} at equal compute ({task.unit})": spread(fair, 3),
                f"final {task.measure} ({task.unit})": spread(final, 3),
            }
        )
    return tabulated(
        rows,
        f"{task.name}: mean over seeds [lowest, highest]. Equal compute: {equal / scale:.2f} · {flops}, "
        f"the least that any arm was given.",
    )


def _unit(task: _Task) -> tuple[float, str]:
    """A power of 1,000 in which FLOPs are shown, and its name."""
    largest = max(points[-1, 0] for seeds in task.lines.values() for points in seeds.values())
    exponent = max(0, 3 * int(np.log10(max(largest, 1.0)) // 3))
    raised = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return 10.0**exponent, f"10{raised} FLOPs" if exponent else "FLOPs"


def _draw(task: _Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """All arms in one panel."""
    drawing = canvas(width, 3.4 if width > 5 else 3.2)
    axes = drawing.add_subplot()
    for arm in task.lines:
        _line(axes, task, arm, arms[arm])
    axes.set_xlabel(f"training compute ({_unit(task)[1]})")
    axes.set_ylabel(f"{task.measure} ({task.unit})")
    drawing.legend(loc="outside lower center", ncols=4 if width > 5 else 2)
    return drawing


def _multiples(task: _Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """A panel an arm, the others in grey behind it."""
    columns = 4 if width > 5 else 2
    rows = math.ceil(len(task.lines) / columns)
    drawing = canvas(width, 0.4 + 1.35 * rows)
    panels = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    means = {arm: _over_seeds(task, arm)[:2] for arm in task.lines}
    every = np.concatenate([mean for _, mean in means.values()])
    for place, (axes, arm) in enumerate(zip(panels, task.lines, strict=False)):
        for flops, mean in (means[other] for other in means if other != arm):
            axes.plot(flops, mean, color=FAINT, linewidth=0.8)
        _line(axes, task, arm, replace(arms[arm], dash="-"))
        axes.set_title(arm)
        axes.tick_params(labelbottom=place + columns >= len(task.lines))
        final = means[arm][1][-1]
        high = final > (every.min() + every.max()) / 2  # where curves end, there is no room
        axes.annotate(
            figure(final, 2), (0.97, 0.05 if high else 0.95), xycoords="axes fraction",
            ha="right", va="bottom" if high else "top", fontsize=8.5, color=INK,
        )  # fmt: skip
    for axes in panels[len(task.lines) :]:
        axes.set_visible(False)
    drawing.supxlabel(f"training compute ({_unit(task)[1]})", fontsize=9, color=INK)
    drawing.supylabel(f"{task.measure} ({task.unit})", fontsize=9, color=INK)
    return drawing


def _line(axes: Axes, task: _Task, arm: str, look: Look) -> None:
    flops, mean, low, high = _over_seeds(task, arm)
    every = max(1, len(flops) // 8)
    (line,) = axes.plot(flops, mean, label=arm, markevery=every, **look.line())
    band = axes.fill_between(flops, low, high, color=look.colour, alpha=0.13, linewidth=0)
    of_arm(arm, line, band)


def _over_seeds(task: _Task, arm: str) -> tuple[np.ndarray, ...]:
    """FLOPs in the task's unit, and the mean, the lowest and the highest score; as far as all seeds go."""
    seeds = task.lines[arm].values()
    flops = np.unique(np.concatenate([points[:, 0] for points in seeds]))
    flops = flops[flops <= min(points[-1, 0] for points in seeds)]
    scores = np.stack([np.interp(flops, p[:, 0], p[:, 1]) for p in seeds])
    return flops / _unit(task)[0], scores.mean(0), scores.min(0), scores.max(0)
