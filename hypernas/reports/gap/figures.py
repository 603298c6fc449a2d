"""Figures over budgets and arms: the gap, and its difference to another arm's."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from hypernas.evaluation import Estimate
from hypernas.reports.figure import canvas, fitted, of_arm
from hypernas.reports.gap.estimates import difference, gap, times
from hypernas.reports.gap.task import Task
from hypernas.reports.style import MUTED, Look

_WIDE = 5.0  # inches from which on panels stand side by side


def over_budgets(task: Task, arms: Mapping[str, Look], other: str | None, width: float) -> Canvas:
    """The gap against training compute; beside it the paired difference to another arm."""
    num = 1 if other is None else 2
    wide = width > _WIDE
    across = num if wide else 1
    keys = (len(task.arms) + (3 if wide else 1)) // (4 if wide else 2)
    drawing = canvas(width, (3.3 if wide else 2.7 * num) + 0.2 * keys)
    panels = drawing.subplots(num // across, across, squeeze=False).ravel()
    for arm in task.arms:
        found = [gap(task, arm, budget) for budget in task.budgets]
        _line(panels[0], task, arm, arms[arm], found, label=arm)
        if other is not None and arm != other:
            against = [difference(task, arm, other, budget) for budget in task.budgets]
            _line(panels[1], task, arm, arms[arm], against, label=None)
    unit = task.measure.unit
    titles = [f"gap to stand-alone ({unit})", f"gap minus that of {other} ({unit})"]
    titles = [fitted(title, width / across) for title in titles]
    _axis(panels[0], task, titles[0], "as good as stand-alone", below=True)
    if other is not None:
        _axis(panels[1], task, titles[1], f"as good as {other}")
    drawing.legend(loc="outside lower center", ncols=4 if wide else 2)
    return drawing


def _line(
    axes: Axes,
    task: Task,
    arm: str,
    look: Look,
    found: Sequence[Estimate | None],
    label: str | None,
) -> None:
    points = [(b, e) for b, e in zip(task.budgets, found, strict=True) if e is not None]
    if not points:
        return
    budgets = [budget for budget, _ in points]
    (line,) = axes.plot(budgets, [e.value for _, e in points], label=label, **look.line())
    ends = [e.low for _, e in points], [e.high for _, e in points]
    band = axes.fill_between(budgets, *ends, color=look.colour, alpha=0.1, linewidth=0)
    of_arm(arm, line, band)


def _axis(axes: Axes, task: Task, name: str, zero: str, *, below: bool = False) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(task.budgets, [times(budget) for budget in task.budgets])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("training compute (stand-alone trainings)")
    axes.set_title(name)
    axes.axhline(0, color=MUTED, linewidth=1)
    low, high = axes.get_ylim()
    room = 0.09 * (high - low)  # for the words beside the line
    axes.set_ylim(min(low, -room) if below else low, high if below else max(high, room))
    axes.annotate(
        zero, (0, 0), (4, -3 if below else 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="top" if below else "bottom", fontsize=7.5, color=MUTED,
    )  # fmt: skip


def forest(task: Task, arms: Mapping[str, Look], other: str | None, width: float) -> Canvas:
    """At one budget: a row for each arm, its gap and the paired difference to another arm."""
    budget, unit = task.budgets[0], task.measure.unit
    rows = list(task.arms)
    num = 1 if other is None else 2
    wide = width > _WIDE
    drawing = canvas(width, (0.9 + 0.27 * len(rows)) * (1 if wide else num))
    shape = (1, num) if wide else (num, 1)
    panels = drawing.subplots(*shape, sharey=True, squeeze=False).ravel()
    for height, arm in enumerate(rows):
        found = [gap(task, arm, budget)]
        if other is not None:
            found.append(None if arm == other else difference(task, arm, other, budget))
        for axes, estimate in zip(panels, found, strict=True):
            if estimate is not None:
                ends = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
                style = {**arms[arm].line(), "linestyle": "none", "elinewidth": 1.6}
                point, _, bars = axes.errorbar([estimate.value], [height], xerr=ends, **style)
                of_arm(arm, point, *bars)
    for axes, name in zip(
        panels, ["gap to stand-alone", f"gap minus that of {other}"], strict=False
    ):
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set_xlabel(f"{name} ({unit})")
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
    return drawing
