"""Figures of runs: training curves, and gates by architecture."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.reports.figure import canvas, fitted, of_arm
from hypernas.reports.run.folder import Run
from hypernas.reports.run.gates import Gates
from hypernas.reports.style import COLOURS, PAPER, Look

_POINTS = 200  # of a line at most; more are averaged
_UNITS = {"accuracy": " (0 to 1)", "cross_entropy": " (nats)"}
_ABSENT = "#80889080"  # grey, half transparent: as well on light as on dark paper


def curves(runs: Mapping[str, Run], arms: Mapping[str, Look], width: float) -> Canvas:
    """The loss of training, and each measure of validation, against steps."""
    measures = list(dict.fromkeys(m for run in runs.values() for m in run.measures))
    across, down = (1 + len(measures), 1) if width > 5 else (1, 1 + len(measures))
    drawing = canvas(width, 0.5 + 2.4 * down)
    panels = drawing.subplots(down, across, squeeze=False).ravel()
    for name, run in runs.items():
        look = arms[name]
        steps, loss = _thin(run.training[["step", "loss"]])
        line = {"color": look.colour, "linestyle": look.dash, "linewidth": 1.2, "label": name}
        of_arm(name, *panels[0].plot(steps, loss, **line))
        for axes, measure in zip(panels[1:], measures, strict=True):
            if measure in run.measures:
                found = run.by_step(measure)
                (mean,) = axes.plot(found.index, found["mean"], **look.line())
                ends, faint = (found["min"], found["max"]), {"alpha": 0.13, "linewidth": 0}
                band = axes.fill_between(found.index, *ends, color=look.colour, **faint)
                of_arm(name, mean, band)
    titles = [f"{m.replace('_', ' ')}{_UNITS.get(m, '')}, validation" for m in measures]
    for axes, title in zip(panels, ["loss, training", *titles], strict=True):
        axes.set_title(fitted(title, width / across))
        axes.set_xlabel("step")
    if len(runs) > 1:
        drawing.legend(loc="outside lower center", ncols=3 if width > 5 else 1)
    return drawing


def _thin(points: DataFrame) -> np.ndarray:  # shape: (2, points)
    """Steps and values, neighbours averaged so that not too many are left."""
    parts = np.array_split(points.to_numpy(dtype=float), min(len(points), _POINTS))
    return np.array([part.mean(0) for part in parts]).T


def gate_map(found: Gates, width: float) -> Canvas:
    """A row for each architecture, by FLOPs; a column for each gate of each router."""
    groups, size = found.of("gates"), 7.5 if width > 5 else 9.0
    table = np.concatenate([group.values for group in groups], axis=1)
    edges = np.cumsum([0, *(group.values.shape[1] for group in groups)])
    names = [group.label.replace(".weight", "") for group in groups]
    drawing = canvas(width, 3.0 + 0.0105 * size * max(map(len, names)))
    axes = drawing.add_subplot()
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    most = max(abs(low), abs(high), 1e-12)
    ends = (-most, most) if low < 0 else (low, max(high, low + 1e-12))
    colours = (_through_paper() if low < 0 else colormaps["cividis"]).with_extremes(bad=_ABSENT)
    image = axes.imshow(table, aspect="auto", cmap=colours, vmin=ends[0], vmax=ends[1])
    for edge in edges[1:-1]:
        axes.axvline(edge - 0.5, color=PAPER, linewidth=1.2)
    middles = (edges[:-1] + edges[1:] - 1) / 2
    every = max(1, round(len(groups) * 0.021 * size / (width - 1.3)))
    axes.set_xticks(middles[::every], names[::every], rotation=90, fontsize=size)
    rows = np.unique(np.linspace(0, len(table) - 1, 9).round().astype(int))
    axes.set_yticks(rows, [f"{found.mflops[row]:.3g}" for row in rows], fontsize=size)
    axes.set_ylabel("MFLOPs of the architecture")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    side = "right" if width > 5 else "top"
    bar = drawing.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=30, location=side)
    bar.set_label("gate")
    bar.outline.set_visible(False)
    return drawing


def _through_paper() -> Colormap:
    """From orange to blue; 0 is transparent, so it is the paper, light or dark."""
    ends = [
        (*_rgb("vermillion"), 1),
        (*_rgb("vermillion"), 0),
        (*_rgb("blue"), 0),
        (*_rgb("blue"), 1),
    ]
    places = [0.0, 0.5, 0.5, 1.0]
    return LinearSegmentedColormap.from_list("gates", list(zip(places, ends, strict=True)))


def _rgb(role: str) -> tuple[float, ...]:
    """A colour between its light and its dark kind, that stands out from either paper."""
    pairs = zip(*(bytes.fromhex(colour[1:]) for colour in COLOURS[role]), strict=True)
    return tuple(sum(pair) / 2 / 255 for pair in pairs)
