"""Figures of runs: training curves, and gates by architecture."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas

from hypernas.reports.figure import canvas, of_arm
from hypernas.reports.run.folder import Run
from hypernas.reports.run.gates import Gates
from hypernas.reports.style import GRID, PAPER, Look

_POINTS = 200  # of a line at most; more are averaged


def curves(runs: Mapping[str, Run], arms: Mapping[str, Look], width: float) -> Canvas:
    """The loss of training, and each measure of validation, against steps."""
    measures = list(dict.fromkeys(m for run in runs.values() for m in run.measures()))
    across = 1 + len(measures) if width > 5 else 1
    down = 1 if width > 5 else 1 + len(measures)
    drawing = canvas(width, 0.5 + 2.4 * down)
    panels = drawing.subplots(down, across, squeeze=False).ravel()
    for name, run in runs.items():
        look = arms[name]
        steps, loss = _thin([(line["step"], line["loss"]) for line in run.training])
        (line,) = panels[0].plot(
            steps, loss, color=look.colour, linestyle=look.dash, linewidth=1.2, label=name
        )
        of_arm(name, line)
        for axes, measure in zip(panels[1:], measures, strict=True):
            if measure not in run.measures():
                continue
            found = run.by_step(measure)
            values = [found[step] for step in found]
            mean = [float(np.mean(v)) for v in values]
            (line,) = axes.plot(list(found), mean, **look.line())
            band = axes.fill_between(
                list(found),
                [min(v) for v in values],
                [max(v) for v in values],
                color=look.colour,
                alpha=0.13,
                linewidth=0,
            )
            of_arm(name, line, band)
    for axes, title in zip(panels, ["loss, training", *_titles(measures)], strict=True):
        axes.set_title(title)
        axes.set_xlabel("step")
    if len(runs) > 1:
        drawing.legend(loc="outside lower center", ncols=3 if width > 5 else 1)
    return drawing


def _titles(measures: Sequence[str]) -> list[str]:
    units = {"accuracy": " (0 to 1)", "cross_entropy": " (nats)"}
    return [f"{name.replace('_', ' ')}{units.get(name, '')}, validation" for name in measures]


def _thin(points: Sequence[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values, neighbours averaged so that not too many are left."""
    parts = np.array_split(np.array(points, dtype=float), min(len(points), _POINTS))
    means = np.array([part.mean(0) for part in parts])
    return means[:, 0], means[:, 1]


def gate_map(found: Gates, width: float) -> Canvas:
    """A row for each architecture, by FLOPs; a column for each gate of each router."""
    groups = found.of("gates")
    table = np.concatenate([group.values for group in groups], axis=1)
    edges = np.cumsum([0, *(group.values.shape[1] for group in groups)])
    drawing = canvas(width, 3.2 + 0.055 * max(len(group.label) for group in groups))
    axes = drawing.add_subplot()
    low, high = np.nanmin(table), np.nanmax(table)
    size = max(abs(low), abs(high), 1e-12)
    limits = (
        {"vmin": -size, "vmax": size} if low < 0 else {"vmin": low, "vmax": max(high, low + 1e-12)}
    )
    image = axes.imshow(table, aspect="auto", cmap="PuOr" if low < 0 else "cividis", **limits)
    for edge in edges[1:-1]:
        axes.axvline(edge - 0.5, color=PAPER, linewidth=1.2)
    middles = (edges[:-1] + edges[1:] - 1) / 2
    every = max(1, round(len(groups) * 0.14 / (width - 1.3)))
    axes.set_xticks(
        middles[::every], [group.label for group in groups][::every], rotation=90, fontsize=6.5
    )
    rows = np.unique(np.linspace(0, len(table) - 1, 9).round().astype(int))
    axes.set_yticks(rows, [f"{found.mflops[row]:.3g}" for row in rows])
    axes.set_ylabel("MFLOPs of the architecture")
    axes.grid(visible=False)
    axes.set_facecolor(GRID)
    axes.spines[:].set_visible(False)
    bar = drawing.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=30)
    bar.set_label("gate")
    bar.outline.set_visible(False)
    return drawing
