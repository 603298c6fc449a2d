"""Curves: a measure against the training compute spent so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.reports import csv_file
from hypernas.reports.figure import Figure
from hypernas.reports.lines import Line, lines, words
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import Look, looks
from hypernas.reports.table import number, spread, table, word

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
    return Figure(
        f"curve-{task.name}",
        f"{task.measure.capitalize()} against training compute, {task.name}",
        f"{task.name}: {task.measure} in {task.unit} against the training FLOPs spent so far. "
        f"{words(task.seeds, len(task.lines))}",
        partial(_draw, task, arms),
    )


def _draw(task: _Task, arms: Mapping[str, Look], width: float) -> Canvas:
    own = {arm: Line(*task.over_seeds(arm)) for arm in task.lines}
    across, up = f"training compute ({task.scale[1]})", f"{task.measure} ({task.unit})"
    return lines(own, arms, width, across=across, up=up)
