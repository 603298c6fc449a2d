"""The tables of the gap itself: over budgets, against other arms, and of ablations."""

from dataclasses import replace

from hypernas.evaluation import Estimate
from hypernas.reports.gap.analysis import difference, gap, measure, sizes, times, trainings
from hypernas.reports.gap.results import Task
from hypernas.reports.style import BASELINE, FLAGSHIP
from hypernas.reports.table import ABSENT, Cell, Table, embolden, figure, interval, word


def gap_table(task: Task) -> Table:
    """The gap of each arm at each budget."""
    unit, digits = measure(task).unit, digits_of(task)
    columns = [
        embolden([spread(gap(task, arm, budget), digits) for arm in task.arms])
        for budget in task.budgets
    ]
    rows = tuple(
        (word(arm, code=True), *cells)
        for arm, cells in zip(task.arms, zip(*columns, strict=True), strict=True)
    )
    caption = (
        f"By how much {task.measure.replace('_', ' ')} is worse with inherited weights "
        f"than with the same subnet trained alone, in {unit} (0 or less is the goal). Columns are "
        f"budgets: training FLOPs in units of one stand-alone training of the largest subnet. Mean "
        f"[95 % interval over subnets] ± standard deviation over seeds; {sizes(task)}; lowest in bold."
    )
    return Table(("arm", *_budgets(task)), rows, caption)


def difference_tables(task: Task) -> list[Table]:
    """The gap of each arm against that of the baseline, and against that of the flagship."""
    others = [arm for arm in (BASELINE, FLAGSHIP) if arm in task.arms]
    if len(others) == 2 and (len(task.arms) == 2 or len(task.budgets) == 1):
        others.pop()  # the same differences again, or those of the ablation's table
    return [_differences(task, other) for other in others if len(task.arms) > 1]


def _differences(task: Task, other: str) -> Table:
    rows = tuple(
        (
            word(arm, code=True),
            *(estimated(difference(task, arm, other, b), digits_of(task)) for b in task.budgets),
        )
        for arm in task.arms
        if arm != other
    )
    caption = (
        f"Difference of the gap to that of `{other}`, paired by seed and subnet, in "
        f"{measure(task).unit} (below 0: better than `{other}`). Mean [95 % interval over seeds and "
        f"subnets]."
    )
    return Table(("arm", *_budgets(task)), rows, caption)


def _budgets(task: Task) -> tuple[str, ...]:
    """Heads of columns."""
    return tuple(f"{times(budget)} ({measure(task).unit})" for budget in task.budgets)


def ablation_table(task: Task) -> Table:
    """One row an arm, in the order of the file, against the flagship."""
    unit, digits, budget = measure(task).unit, digits_of(task), task.budgets[0]
    cells = embolden([spread(gap(task, arm, budget), digits) for arm in task.arms])
    rows = []
    for arm, cell in zip(task.arms, cells, strict=True):
        found = difference(task, arm, FLAGSHIP, budget) if arm != FLAGSHIP else None
        worse = Cell(ABSENT)
        if found is not None:
            count = sum(value > 0 for value in found.by_seed)
            worse = Cell(f"{count} of {len(found.by_seed)}", count / len(found.by_seed))
        rows.append((word(arm, code=True), cell, estimated(found, digits), worse))
    caption = (
        f"Gap to stand-alone training in {unit} at a budget of {trainings([budget])}, mean [95 % interval over subnets] ± standard deviation over seeds; "
        f"difference to `{FLAGSHIP}`, paired by seed and subnet, with its 95 % interval over both "
        f"(above 0: worse than `{FLAGSHIP}`); {sizes(task)}."
    )
    columns = (
        "arm",
        f"gap ({unit})",
        f"difference to `{FLAGSHIP}` ({unit})",
        "seeds in which worse",
    )
    return Table(columns, tuple(rows), caption)


def digits_of(task: Task) -> int:
    """Decimals of what is shown: hundredths of points, thousandths of nats."""
    return 2 if measure(task).unit == "points" else 3


def estimated(found: Estimate | None, digits: int, *, signed: bool = True) -> Cell:
    """An estimate with its interval."""
    if found is None:
        return Cell(ABSENT)
    return interval(found.value, found.low, found.high, digits, signed=signed)


def spread(found: Estimate | None, digits: int) -> Cell:
    """An estimate with its interval and its standard deviation over seeds."""
    cell = estimated(found, digits, signed=False)
    if found is None or len(found.by_seed) < 2:
        return cell
    return replace(cell, text=f"{cell.text} ± {figure(found.spread, digits)}")
