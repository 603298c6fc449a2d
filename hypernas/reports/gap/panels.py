"""Small multiples, a panel an arm: scatter, ranks, and the front of accuracy and FLOPs."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from scipy.stats import rankdata

from hypernas.reports.figure import logarithmic, multiples, of_arm, tell
from hypernas.reports.gap.estimates import correlation, gap
from hypernas.reports.gap.tables import BEST
from hypernas.reports.gap.task import Task
from hypernas.reports.style import GRID, INK, MUTED, Look
from hypernas.reports.table import number


def scatter(task: Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """Inherited against stand-alone, means over seeds; on the line, the two are the same."""
    of = task.measure
    alone, ours = _means(task)
    values = np.concatenate([alone, *ours.values()]) * of.scale
    low, high = np.nanmin(values), np.nanmax(values)
    ends = low - 0.04 * (high - low), high + 0.04 * (high - low)

    words = _words(task)

    def draw(axes: Axes, arm: str) -> None:
        axes.plot(ends, ends, color=MUTED, linewidth=1)
        points = axes.scatter(alone * of.scale, ours[arm] * of.scale, s=24, **arms[arm].points())
        of_arm(arm, points)
        tell(points, words[arm])
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.locator_params(nbins=4, steps=[1, 2, 5, 10])
        found = gap(task, arm, task.budgets[-1])
        if found is not None:
            _note(
                axes,
                f"gap {number(found.value, task.digits).text} {of.unit}",
                below=of.lower_is_better,
            )

    quality = f"{task.quality} ({task.unit})"
    return multiples(
        task.longest, draw, width, partial(_square, width),
        across=f"stand-alone {quality}", up=f"inherited {quality}",
    )  # fmt: skip


def ranks(task: Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """The rank of each subnet by inherited weights against its true one; the best five marked."""
    of = task.measure
    alone, ours = _means(task)
    num = len(task.subnets)
    best = BEST if num > BEST else 1
    words = _words(task)

    def draw(axes: Axes, arm: str) -> None:
        there = ~np.isnan(alone) & ~np.isnan(ours[arm])
        true, given = (rankdata(-of.score(values[there])) for values in (alone, ours[arm]))
        axes.add_patch(
            Rectangle((0.5, 0.5), best, best, facecolor=GRID, edgecolor="none", zorder=0.5)
        )
        axes.plot((1, num), (1, num), color=MUTED, linewidth=1)
        points = axes.scatter(true, given, s=24, **arms[arm].points())
        of_arm(arm, points)
        tell(points, [text for text, is_there in zip(words[arm], there, strict=True) if is_there])
        axes.set(xlim=(num + 0.7, 0.3), ylim=(num + 0.7, 0.3), aspect="equal")
        ticks = sorted({1, best, num})
        axes.set_xticks(ticks)
        axes.set_yticks(ticks)
        found = correlation(task, arm, task.budgets[-1])
        if found is not None:
            _note(axes, f"τ {number(found.value).text}")

    return multiples(
        task.longest, draw, width, partial(_square, width),
        across="rank by stand-alone", up="rank by inherited",
    )  # fmt: skip


def pareto(task: Task, arms: Mapping[str, Look], width: float) -> Canvas:
    """Quality of each subnet for its MACs, and the best for at most so many."""
    of = task.measure
    alone, ours = _means(task)
    macs, words = task.subnets["macs"].to_numpy() / 1e6, _words(task)

    def draw(axes: Axes, arm: str) -> None:
        axes.step(
            *_front(macs, alone, task), where="post", color=INK, linewidth=1, linestyle=(0, (3, 2))
        )
        points = axes.scatter(macs, ours[arm] * of.scale, s=14, alpha=0.55, **arms[arm].points())
        (front,) = axes.step(*_front(macs, ours[arm], task), where="post", color=arms[arm].colour)
        of_arm(arm, points, front)
        tell(points, words[arm])
        axes.set_xscale("log")
        logarithmic(axes.xaxis)

    return multiples(
        task.longest, draw, width, partial(_square, width, shape=0.85),
        across="multiply-adds (millions)", up=f"{task.quality} ({task.unit})",
    )  # fmt: skip


def _square(width: float, rows: int, columns: int, shape: float = 1.0) -> float:
    return 0.35 + rows * ((width - 0.5) / columns * shape + 0.2)


def _means(task: Task) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Means over seeds at the largest budget: stand-alone, and of each arm; shapes (N,)."""
    ours = {arm: _mean(task.inherited(arm, task.budgets[-1])) for arm in task.longest}
    return _mean(task.standalone), ours


def _words(task: Task) -> dict[str, list[str]]:
    """Words about each subnet of each arm, shown under the pointer."""
    of, digits = task.measure, task.digits
    alone, ours = _means(task)

    def shown(value: float) -> str:
        return number(value * of.scale, digits).text

    return {
        arm: [
            f"{arm}, {subnet}: inherited {shown(value)}, stand-alone {shown(reference)}, "
            f"{macs / 1e6:.3g} MMACs"
            for (subnet, macs), value, reference in zip(
                task.subnets["macs"].items(), values, alone, strict=True
            )
        ]
        for arm, values in ours.items()
    }


def _mean(values: np.ndarray) -> np.ndarray:
    count = (~np.isnan(values)).sum(0)
    return np.where(count, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)


def _front(macs: np.ndarray, values: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the best value for at most so many MACs, up to the largest subnet."""
    of = task.measure
    order = np.argsort(macs, kind="stable")
    order = order[~np.isnan(values[order])]
    best = np.maximum.accumulate(of.score(values[order]))
    return macs[order], of.score(best) * of.scale


def _note(axes: Axes, words: str, *, below: bool = False) -> None:
    """A few words in a corner, the one where points are rare."""
    place, sides = ((0.97, 0.04), ("right", "bottom")) if below else ((0.04, 0.96), ("left", "top"))
    axes.annotate(
        words, place, xycoords="axes fraction", ha=sides[0], va=sides[1], fontsize=7.5, color=MUTED
    )
