"""Lines of arms: means over seeds and the band between their lowest and highest."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from hypernas.reports.figure import canvas, multiples, of_arm
from hypernas.reports.style import FAINT, INK, Look
from hypernas.reports.table import figure

_TOGETHER = 6  # arms in one panel at most, as many as there are hues; more have a panel each


@dataclass(frozen=True)
class Line:
    """Curve of an arm; arrays of shape (N,).

    Attributes:
        places: along the horizontal axis.
        mean, low, high: over seeds.
    """

    places: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def words(seeds: int | str, num_arms: int) -> str:
    """Explanation of lines, bands and panels in the text of a figure."""
    panels = (
        " Each arm has a panel, with its mean at the end; grey are the others."
        if num_arms > _TOGETHER
        else ""
    )
    return f"Lines are means over {seeds} seeds, bands their lowest and highest.{panels}"


def lines(
    arms: Mapping[str, Line], looks: Mapping[str, Look], width: float, *, across: str, up: str
) -> Canvas:
    """All arms in one panel, or a panel an arm where they are too many to be told apart.

    Args:
        looks: of each arm.
        width: in inches.
        across, up: what the axes are.
    """
    if len(arms) > _TOGETHER:
        return _apart(arms, looks, width, across=across, up=up)
    drawing = canvas(width, 3.4 if width > 5 else 3.2)
    axes = drawing.add_subplot()
    for arm, line in arms.items():
        _draw(axes, arm, line, looks[arm])
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    drawing.legend(loc="outside lower center", ncols=4 if width > 5 else 2)
    return drawing


def _apart(
    arms: Mapping[str, Line], looks: Mapping[str, Look], width: float, *, across: str, up: str
) -> Canvas:
    """A panel an arm, the others in grey behind it."""
    every = np.concatenate([line.mean for line in arms.values()])

    def draw(axes: Axes, arm: str) -> None:
        for line in (arms[other] for other in arms if other != arm):
            axes.plot(line.places, line.mean, color=FAINT, linewidth=0.8)
        _draw(axes, arm, arms[arm], replace(looks[arm], dash="-"))
        final = arms[arm].mean[-1]
        high = final > (every.min() + every.max()) / 2  # where curves end, there is no room
        axes.annotate(
            figure(final, 2), (0.97, 0.05 if high else 0.95), xycoords="axes fraction",
            ha="right", va="bottom" if high else "top", fontsize=8.5, color=INK,
        )  # fmt: skip

    return multiples(
        list(arms), draw, width, lambda rows, columns: 0.4 + 1.35 * rows, across=across, up=up
    )


def _draw(axes: Axes, arm: str, line: Line, look: Look) -> None:
    every = max(1, len(line.places) // 8)
    (mean,) = axes.plot(line.places, line.mean, label=arm, markevery=every, **look.line())
    band = axes.fill_between(
        line.places, line.low, line.high, color=look.colour, alpha=0.13, linewidth=0
    )
    of_arm(arm, mean, band)
