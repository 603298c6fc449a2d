"""The table of strategies by generators, for studies whose arms are `generator.strategy`."""

import itertools

from pandas import DataFrame

from hypernas.reports.gap import estimates
from hypernas.reports.gap.estimates import METHOD, sizes, times
from hypernas.reports.gap.tables import shown
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.style import BASELINE, FLAGSHIP
from hypernas.reports.table import ABSENT, Cell, embolden, word

CONTROL = "constant"  # the flagship's form that reads no architecture


def crossed_tables(task: Task) -> list[DataFrame]:
    """For each budget the gap of each strategy with each generator, and the differences between generators.

    Raises:
        Missing: if arms are not called `generator.strategy`.
    """
    if not all(strategy for _, strategy in _pairs(task.arms)):
        raise Missing("it is for arms that are called generator.strategy")
    return [table for budget in task.budgets for table in _at(task, budget)]


def _pairs(arms: list[str]) -> list[tuple[str, str]]:
    """Generator and strategy of arms."""
    return [(generator, strategy) for generator, _, strategy in (a.partition(".") for a in arms)]


def _at(task: Task, budget: float) -> list[DataFrame]:
    pairs = _pairs(task.trained(budget))
    generators, strategies = (list(dict.fromkeys(names)) for names in zip(*pairs, strict=True))
    rows = {"strategy": [word(strategy, code=True) for strategy in strategies]}
    made = DataFrame(
        rows | {f"`{each}`": _gaps(task, each, strategies, budget) for each in generators},
        dtype=object,
    )
    made.attrs["caption"] = (
        f"Gap to stand-alone training of each strategy with each generator at budget {times(budget)}, in "
        f"{task.measure.unit}: mean [{METHOD}] ± standard deviation over seeds; {sizes(task)}; lowest in bold."
    )
    told = [
        pair
        for pair in itertools.combinations((BASELINE, CONTROL, FLAGSHIP), 2)
        if {*pair} <= {*generators}
    ]
    between = DataFrame(
        rows
        | {
            f"`{one}` − `{other}`": [
                _difference(task, f"{one}.{s}", f"{other}.{s}", budget) for s in strategies
            ]
            for other, one in told
        },
        dtype=object,
    )
    between.attrs["caption"] = (
        f"Difference of gaps under the same strategy at budget {times(budget)}, paired by seed and subnet, in {task.measure.unit} (below 0: the first is "
        f"better): mean [{METHOD}]."
    )
    return [made, between] if told else [made]


def _gaps(task: Task, generator: str, strategies: list[str], budget: float) -> list[Cell]:
    arms = [f"{generator}.{strategy}" for strategy in strategies]
    found = [estimates.gap(task, arm, budget) if arm in task.arms else None for arm in arms]
    return embolden([shown(task, each, spread=True) for each in found])


def _difference(task: Task, arm: str, other: str, budget: float) -> Cell:
    if not {arm, other} <= {*task.arms}:
        return Cell(ABSENT)
    return shown(task, estimates.difference(task, arm, other, budget), signed=True)
