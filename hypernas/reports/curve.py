"""Curves: a measure against the training compute spent so far."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.reports import csv_file
from hypernas.reports.figure import Figure, canvas, multiples, of_arm
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import FAINT, INK, Look, looks
from hypernas.reports.table import figure, number, spread, table, word

_PARSERS = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "measure": csv_file.word,
    "unit": csv_file.word,
    "train_flops": csv_file.finite,
    "score": csv_file.finite,
}
COLUMNS = set(_PARSERS)
_TOGETHER = 6  # arms in one panel at most, as many as there are hues; more have a panel each


def section(study: Study) -> Section:
    """A figure and a table for each task, under the name `curve`."""
    rows = csv_file.read(study.path, _PARSERS)
    csv_file.distinct(rows, ("task", "arm", "seed", "train_flops"), study.path)
    csv_file.agree(rows, ("task",), ("measure", "unit"), study.path)
    tasks = [_Task(str(name), some) for name, some in rows.groupby("task", sort=False)]
    arms = looks(list(rows["arm"].unique()))
    figures = tuple(_figure(task, arms) for task in tasks)
    facts = (f"{task.name}: {task.measure} ({task.unit}), {task.seeds} seeds" for task in tasks)
    return Section(
        study.name,
        study.title,
        (Part("curve", "Against compute", lambda: [_table(task) for task in tasks], figures),),
        lead=study.question,
        facts=(f"{len(arms)} arms", *facts),
        looks=arms,
    )


@dataclass(frozen=True)
class _Task:
    """The curves of a task."""

    name: str
    rows: DataFrame

    @cached_property
    def measure(self) -> str:
        return self.rows["measure"].iloc[0].replace("_", " ")

    @cached_property
    def unit(self) -> str:
        return self.rows["unit"].iloc[0]

    @cached_property
    def lines(self) -> dict[str, list[np.ndarray]]:
        """Arm -> for each seed, shape (points, 2): FLOPs, score."""
        found: dict[str, list[np.ndarray]] = {}
        for (arm, _), some in self.rows.groupby(["arm", "seed"], sort=False):
            points = some[["train_flops", "score"]].sort_values("train_flops")
            found.setdefault(str(arm), []).append(points.to_numpy())
        return found

    @cached_property
    def seeds(self) -> str:
        counts = sorted({len(seeds) for seeds in self.lines.values()})
        return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"

    @cached_property
    def scale(self) -> tuple[float, str]:
        """A power of 1,000 in which FLOPs are shown, and its name."""
        largest = max(self.rows.groupby(["arm", "seed"])["train_flops"].max().max(), 1.0)
        exponent = max(0, 3 * int(np.log10(largest) // 3))
        raised = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return 10.0**exponent, f"10{raised} FLOPs" if exponent else "FLOPs"

    def over_seeds(self, arm: str) -> tuple[np.ndarray, ...]:
        """FLOPs as shown, and the mean, lowest and highest score; as far as all seeds go."""
        seeds = self.lines[arm]
        flops = np.unique(np.concatenate([points[:, 0] for points in seeds]))
        flops = flops[flops <= min(points[-1, 0] for points in seeds)]
        scores = np.stack([np.interp(flops, p[:, 0], p[:, 1]) for p in seeds])
        return flops / self.scale[0], scores.mean(0), scores.min(0), scores.max(0)


def _table(task: _Task) -> DataFrame:
    equal = min(points[-1, 0] for seeds in task.lines.values() for points in seeds)
    scale, flops = task.scale
    rows = []
    for arm, seeds in task.lines.items():
        fair = [float(np.interp(equal, points[:, 0], points[:, 1])) for points in seeds]
        rows.append(
            {
                "arm": word(arm, code=True),
                "seeds": number(len(seeds), 0),
                f"training compute ({flops})": number(
                    float(np.mean([points[-1, 0] for points in seeds])) / scale
                ),
                f"{task.measure} at equal compute ({task.unit})": spread(fair, 3),
                f"final {task.measure} ({task.unit})": spread(
                    [float(points[-1, 1]) for points in seeds], 3
                ),
            }
        )
    caption = (
        f"{task.name}: mean over seeds [lowest, highest]. Equal compute: {equal / scale:.2f} · {flops}, "
        f"the least that any arm was given."
    )
    return table(rows, caption)


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
        partial(_apart if apart else _together, task, arms),
    )


def _together(task: _Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """All arms in one panel."""
    drawing = canvas(width, 3.4 if width > 5 else 3.2)
    axes = drawing.add_subplot()
    for arm in task.lines:
        _line(axes, task, arm, arms[arm])
    axes.set_xlabel(f"training compute ({task.scale[1]})")
    axes.set_ylabel(f"{task.measure} ({task.unit})")
    drawing.legend(loc="outside lower center", ncols=4 if width > 5 else 2)
    return drawing


def _apart(task: _Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """A panel an arm, the others in grey behind it."""
    means = {arm: task.over_seeds(arm)[:2] for arm in task.lines}
    every = np.concatenate([mean for _, mean in means.values()])

    def draw(axes: Axes, arm: str) -> None:
        for flops, mean in (means[other] for other in means if other != arm):
            axes.plot(flops, mean, color=FAINT, linewidth=0.8)
        _line(axes, task, arm, replace(arms[arm], dash="-"))
        final = means[arm][1][-1]
        high = final > (every.min() + every.max()) / 2  # where curves end, there is no room
        axes.annotate(
            figure(final, 2), (0.97, 0.05 if high else 0.95), xycoords="axes fraction",
            ha="right", va="bottom" if high else "top", fontsize=8.5, color=INK,
        )  # fmt: skip

    return multiples(
        list(task.lines), draw, width, lambda rows, columns: 0.4 + 1.35 * rows,
        across=f"training compute ({task.scale[1]})", up=f"{task.measure} ({task.unit})",
    )  # fmt: skip


def _line(axes: Axes, task: _Task, arm: str, look: Look) -> None:
    flops, mean, low, high = task.over_seeds(arm)
    every = max(1, len(flops) // 8)
    (line,) = axes.plot(flops, mean, label=arm, markevery=every, **look.line())
    band = axes.fill_between(flops, low, high, color=look.colour, alpha=0.13, linewidth=0)
    of_arm(arm, line, band)
