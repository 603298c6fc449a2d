"""Curves: a score against the training compute spent so far."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from hypernas.report import csv_file
from hypernas.report.figure import Figure, canvas, of_arm
from hypernas.report.kinds.kind import Kind
from hypernas.report.section import Part, Section
from hypernas.report.study import Study
from hypernas.report.style import Look, looks
from hypernas.report.table import Cell, Table, figure, number, word

_COLUMNS = {
    "task": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "train_flops": csv_file.finite,
    "score": csv_file.finite,
}
Lines = Mapping[str, Mapping[int, np.ndarray]]  # arm -> seed -> shape (points, 2): FLOPs, score


class Curve(Kind):
    """A figure and a table for each task, under the name `curve`."""

    def fits(self, columns: Sequence[str]) -> bool:
        return set(_COLUMNS) <= set(columns)

    def section(self, study: Study) -> Section:
        rows = csv_file.read(study.path, _COLUMNS)
        csv_file.distinct(rows, ("task", "arm", "seed", "train_flops"), study.path)
        tasks = {name: _lines(rows, name) for name in dict.fromkeys(row["task"] for row in rows)}
        arms = looks(list(dict.fromkeys(row["arm"] for row in rows)))
        figures = tuple(
            Figure(
                f"curve-{name}",
                f"Score against training compute, {name}",
                f"{name}: score against the training FLOPs spent so far. Lines are means over "
                f"{_seeds(lines)} seeds, bands their lowest and highest.",
                partial(_draw, lines, arms),
            )
            for name, lines in tasks.items()
        )
        return Section(
            study.name,
            study.title(),
            (
                Part(
                    "curve",
                    "Score against compute",
                    lambda: [_table(lines, name) for name, lines in tasks.items()],
                    figures,
                ),
            ),
            lead=study.question(),
            facts=(
                f"{len(arms)} arms",
                *(f"{name}: {_seeds(lines)} seeds" for name, lines in tasks.items()),
            ),
            looks=arms,
        )


def _lines(rows: list[dict[str, Any]], task: str) -> Lines:
    found: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for row in rows:
        if row["task"] == task:
            seeds = found.setdefault(row["arm"], {})
            seeds.setdefault(row["seed"], []).append((row["train_flops"], row["score"]))
    return {
        arm: {seed: np.array(sorted(points)) for seed, points in seeds.items()}
        for arm, seeds in found.items()
    }


def _table(lines: Lines, task: str) -> Table:
    equal = min(points[-1, 0] for seeds in lines.values() for points in seeds.values())
    scale, unit = _unit(lines)
    rows = []
    for arm, seeds in lines.items():
        total = float(np.mean([points[-1, 0] for points in seeds.values()]))
        final = [float(points[-1, 1]) for points in seeds.values()]
        fair = [float(np.interp(equal, points[:, 0], points[:, 1])) for points in seeds.values()]
        rows.append(
            (
                word(arm, code=True),
                number(len(seeds), 0),
                number(total / scale),
                _spread(fair),
                _spread(final),
            )
        )
    return Table(
        ("arm", "seeds", f"training compute ({unit})", "score at equal compute", "final score"),
        tuple(rows),
        f"{task}: mean over seeds [lowest, highest]. Equal compute: {equal / scale:.2f} · {unit}, the "
        f"least that any arm was given.",
    )


def _unit(lines: Lines) -> tuple[float, str]:
    """A power of 1,000 in which FLOPs are shown, and its name."""
    largest = max(points[-1, 0] for seeds in lines.values() for points in seeds.values())
    exponent = max(0, 3 * int(np.log10(max(largest, 1.0)) // 3))
    raised = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return 10.0**exponent, f"10{raised} FLOPs" if exponent else "FLOPs"


def _spread(values: list[float]) -> Cell:
    cell = number(float(np.mean(values)), 3)
    if len(values) < 2:
        return cell
    return Cell(f"{cell.text} [{figure(min(values), 3)}, {figure(max(values), 3)}]", cell.value)


def _draw(lines: Lines, arms: Mapping[str, Look], width: float) -> Canvas:
    drawing = canvas(width, 3.4 if width > 5 else 3.2)
    axes = drawing.add_subplot()
    scale, unit = _unit(lines)
    for arm, seeds in lines.items():
        flops = np.unique(np.concatenate([points[:, 0] for points in seeds.values()]))
        flops = flops[flops <= min(points[-1, 0] for points in seeds.values())]
        scores = np.stack([np.interp(flops, p[:, 0], p[:, 1]) for p in seeds.values()])
        (line,) = axes.plot(
            flops / scale,
            scores.mean(0),
            label=arm,
            markevery=max(1, len(flops) // 8),
            **arms[arm].line(),
        )
        band = axes.fill_between(
            flops / scale,
            scores.min(0),
            scores.max(0),
            color=arms[arm].colour,
            alpha=0.13,
            linewidth=0,
        )
        of_arm(arm, line, band)
    axes.set_xlabel(f"training compute ({unit})")
    axes.set_ylabel("score")
    drawing.legend(loc="outside lower center", ncols=4 if width > 5 else 2)
    return drawing


def _seeds(lines: Lines) -> str:
    counts = sorted({len(seeds) for seeds in lines.values()})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
