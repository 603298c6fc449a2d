"""The tables of the gap: over budgets, against other arms, of ablations, of rankings and subnets."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import Estimate, kendall_tau, precision_at_k, regret, spearman
from hypernas.reports.gap import estimates
from hypernas.reports.gap.estimates import (
    FEW_SEEDS,
    FEW_SUBNETS,
    METHOD,
    sizes,
    times,
    trainings,
)
from hypernas.reports.gap.task import Task
from hypernas.reports.section import Missing
from hypernas.reports.style import BASELINE, FLAGSHIP
from hypernas.reports.table import ABSENT, Cell, embolden, figure, interval, number, table, word

BEST = 5  # subnets that a ranking is to find


def shown(
    task: Task,
    found: Estimate | None,
    digits: int | None = None,
    *,
    signed: bool = False,
    spread: bool = False,
    seeded: bool = True,
) -> Cell:
    """An estimate with its interval, said to be rough where it is of few seeds or subnets.

    Args:
        spread: add the standard deviation over seeds.
        seeded: False for what no seed has a part in.
    """
    if found is None:
        return Cell(ABSENT)
    digits = task.digits if digits is None else digits
    cell = interval(found.value, found.low, found.high, digits, signed=signed)
    text, seeds = cell.text, len(found.by_seed)
    if spread and seeds > 1:
        text += f" ± {figure(found.spread, digits)}"
    few = f"{seeds} seed{'s' * (seeds > 1)}" if seeded and seeds < FEW_SEEDS else ""
    if len(task.subnets) < FEW_SUBNETS:
        few += f"{', ' * bool(few)}{len(task.subnets)} subnets"
    return replace(cell, text=text + (f" (only {few})" if few and "[" in text else ""))


def gap_tables(task: Task) -> list[DataFrame]:
    """The gap of each arm at each budget."""
    columns = {
        f"{times(budget)} ({task.measure.unit})": _gaps(task, budget) for budget in task.budgets
    }
    caption = (
        f"By how much {task.quality} is worse with inherited weights "
        f"than with the same subnet trained alone, in {task.measure.unit} (0 or less is the goal). Columns are "
        f"budgets: training FLOPs in units of one stand-alone training of the largest subnet. Mean "
        f"[{METHOD}] ± standard deviation over seeds; {sizes(task)}; lowest in bold."
    )
    return [_of_arms(task.arms, columns, caption)]


def _gaps(task: Task, budget: float) -> list[Cell]:
    if np.isnan(task.standalone).all():
        raise Missing("the results have no stand-alone values")
    found = [estimates.gap(task, arm, budget) for arm in task.arms]
    return embolden([shown(task, each, spread=True) for each in found])


def _of_arms(arms: Sequence[str], columns: dict[str, list[Cell]], caption: str) -> DataFrame:
    made = DataFrame({"arm": [word(arm, code=True) for arm in arms], **columns}, dtype=object)
    made.attrs["caption"] = caption
    return made


def difference_tables(task: Task) -> list[DataFrame]:
    """The gap of each arm against that of the baseline, and against that of the flagship."""
    others = [arm for arm in (BASELINE, FLAGSHIP) if arm in task.arms]
    if len(others) == 2 and (len(task.arms) == 2 or len(task.budgets) == 1):
        others.pop()  # the same differences again, or those of the ablation's table
    if not others or len(task.arms) == 1:
        raise Missing(
            f"it compares several arms with `{BASELINE}` or `{FLAGSHIP}`, and these are not there"
        )
    return [_differences(task, other) for other in others]


def _differences(task: Task, other: str) -> DataFrame:
    arms = [arm for arm in task.arms if arm != other]
    columns = {
        f"{times(budget)} ({task.measure.unit})": [
            shown(task, estimates.difference(task, arm, other, budget), signed=True) for arm in arms
        ]
        for budget in task.budgets
    }
    caption = (
        f"Difference of the gap to that of `{other}`, paired by seed and subnet, in "
        f"{task.measure.unit} (below 0: better than `{other}`). Mean [{METHOD}]."
    )
    return _of_arms(arms, columns, caption)


def ablation_tables(task: Task) -> list[DataFrame]:
    """One row an arm, in the order of the file, against the flagship."""
    if len(task.budgets) > 1:
        raise Missing("it is for results of one budget, and these have several")
    if FLAGSHIP not in task.arms:
        raise Missing(f"it compares arms with `{FLAGSHIP}`, which the results lack")
    unit, budget = task.measure.unit, task.budgets[0]
    found = [
        estimates.difference(task, arm, FLAGSHIP, budget) if arm != FLAGSHIP else None
        for arm in task.arms
    ]
    columns = {
        f"gap ({unit})": _gaps(task, budget),
        f"difference to `{FLAGSHIP}` ({unit})": [shown(task, each, signed=True) for each in found],
        "seeds in which worse": [_worse(each) for each in found],
    }
    caption = (
        f"Gap to stand-alone training in {unit} at a budget of {trainings([budget])}, mean [{METHOD}] ± standard deviation over seeds; "
        f"difference to `{FLAGSHIP}`, paired by seed and subnet, with such an interval "
        f"(above 0: worse than `{FLAGSHIP}`); {sizes(task)}."
    )
    return [_of_arms(task.arms, columns, caption)]


def _worse(found: Estimate | None) -> Cell:
    if found is None:
        return Cell(ABSENT)
    count, of = sum(value > 0 for value in found.by_seed), len(found.by_seed)
    return Cell(f"{count} of {of}", count / of)


def ranking_tables(task: Task) -> list[DataFrame]:
    """Each arm, and the size of a subnet as a score, at the largest budget."""
    if np.isnan(task.standalone).all():
        raise Missing("the results have no stand-alone values")
    best = BEST if len(task.subnets) > BEST else 1
    of: dict[str, Callable[..., np.ndarray]] = {
        "Kendall τ-b": kendall_tau,
        "Spearman ρ": spearman,
        f"precision at {best}": partial(precision_at_k, k=best),
        f"regret of the best pick ({task.measure.unit})": regret,
    }
    ranked = {f"`{arm}`": task.inherited(arm, task.budgets[-1]) for arm in task.longest}
    sign = -1.0 if task.measure.lower_is_better else 1.0  # larger subnets are taken to be better
    for name, size in (("parameters", "params"), ("FLOPs (MACs)", "macs")):
        ranked[name] = sign * task.subnets[size].to_numpy()[None]  # of no seed
    columns = {"ranked by": [Cell(name, name.strip("`")) for name in ranked]}
    for head, statistic in of.items():
        lost, cells = statistic is regret, []
        for name, scores in ranked.items():
            found = estimates.ranking(task, scores, statistic)
            found = found.times(task.measure.scale) if found and lost else found
            cells.append(shown(task, found, None if lost else 2, seeded=name.startswith("`")))
        columns[head] = embolden(cells, highest=not lost)
    made = DataFrame(columns, dtype=object)
    made.attrs["caption"] = (
        f"How inherited {task.quality} orders subnets at a budget of "
        f"{trainings(task.budgets[-1:])}, against the mean stand-alone result over seeds; the last two rows "
        f"rank by size alone. Mean over seeds [95 % interval over subnets for these very seeds, bootstrap]; {sizes(task)}; best in bold."
    )
    return [made]


def subnet_tables(task: Task) -> list[DataFrame]:
    """One row for each arm, budget and subnet: means over the seeds that have both results."""
    of, rows = task.measure, task.rows
    gap = (rows["inherited"] - rows["standalone"]) * (1 if of.lower_is_better else -1)
    order = [task.arms, task.budgets, list(task.subnets.index)]
    means = rows.assign(gap=gap).groupby(["arm", "budget", "subnet"])
    means = means[["inherited", "gap"]].mean() * of.scale
    alone = rows.drop_duplicates(["seed", "subnet"]).groupby("subnet")["standalone"].mean()
    lines = [
        {
            "arm": word(arm, code=True),
            "budget": Cell(times(budget), budget),
            "subnet": word(name),
            "MMACs": number(task.subnets["macs"][name] / 1e6),
            f"inherited ({task.unit})": number(means["inherited"][arm, budget, name], task.digits),
            f"stand-alone ({task.unit})": number(alone[name] * of.scale, task.digits),
            f"gap ({of.unit})": number(means["gap"][arm, budget, name], task.digits, signed=True),
            "parameters": number(task.subnets["params"][name], 0, grouped=True),
            "architecture": Cell(plainly(task.subnets["architecture"][name])),
        }
        for arm in order[0]
        for budget in order[1]
        for name in order[2]
        if (arm, budget, name) in means.index
    ]
    caption = (
        f"Inherited and stand-alone {task.quality} of every evaluated subnet, means "
        f"over seeds; MMACs are millions of multiply-adds of one example."
    )
    return [table(lines, caption)]


def plainly(architecture: object) -> str:
    """An architecture in one short line."""
    return json.dumps(architecture).strip("{}").replace('"', "")
