"""The tables of a study of gaps, and what share of sharing's gap each arm closes."""

from dataclasses import replace

from pandas import DataFrame

from hypernas.reports import Part, Section, Study
from hypernas.reports.gap import section as gap
from hypernas.reports.gap.estimates import METHOD, difference
from hypernas.reports.gap.tables import shown
from hypernas.reports.gap.task import Task, read_tasks
from hypernas.reports.table import Cell, number, over_seeds, table, word

BASELINE = "shared"


def section(study: Study) -> Section:
    tasks = read_tasks(study)
    made = gap.section(study)
    closed = Part("closed", "Gap closed", lambda: [closed_of(task) for task in tasks])
    return replace(made, parts=(*made.parts, closed))


def closed_of(task: Task) -> DataFrame:
    """A row for each arm and budget, against sharing that is trained with the same strategy."""
    lines = []
    for arm in task.arms:
        generator, _, strategy = arm.partition(".")
        other = f"{BASELINE}.{strategy}"
        if generator == BASELINE or other not in task.arms:
            continue
        for budget in task.budgets:
            found = difference(task, arm, other, budget)
            shares = [
                1 - own / base
                for own, base in zip(
                    gaps(task, arm, budget), gaps(task, other, budget), strict=True
                )
            ]
            won = sum(share > 0 for share in shares)
            lines.append(
                {
                    "arm": word(arm, code=True),
                    "against": word(other, code=True),
                    "budget": Cell(f"{budget:g}×", float(budget)),
                    f"difference ({task.measure.unit})": shown(task, found, signed=True),
                    "share of the gap closed": over_seeds(shares, 2),
                    "seeds in which ahead": number(won, 0),
                }
            )
    return table(
        lines,
        f"Each arm against `{BASELINE}` under the same strategy, paired by seed and subnet: difference of gaps (below 0: the arm is better), mean "
        f"[{METHOD}]; share of the mean gap that is closed, mean [95 % interval of Student's t over {task.rows['seed'].nunique()} seeds].",
    )


def gaps(task: Task, arm: str, budget: float) -> list[float]:
    """The mean over subnets of each seed."""
    sign = 1 if task.measure.lower_is_better else -1
    found = sign * (task.inherited(arm, budget) - task.standalone)
    return [float(mean) for mean in found.mean(1)]
