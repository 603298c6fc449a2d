"""Studies of the gap: a row for each evaluated subnet of a trained generator."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.reports.figure import Figure
from hypernas.reports.gap import (
    closing,
    cost,
    crossing,
    magnitude,
    separation,
    stability,
    tables,
    thirds,
)
from hypernas.reports.gap.estimates import METHOD, reservation, rival, sizes, trainings
from hypernas.reports.gap.figures import forest, over_budgets
from hypernas.reports.gap.panels import pareto, ranks, scatter
from hypernas.reports.gap.task import Task, read_tasks
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import FLAGSHIP, Look, looks

COLUMNS = {"inherited", "standalone"}
_PANELS: dict[str, tuple[Callable[[Task, Mapping[str, Look], float], Canvas], str, str]] = {
    "scatter": (
        scatter,
        "Inherited against stand-alone",
        "Each point is a subnet, the mean over seeds at the largest budget; on the line, inherited "
        "weights are as good as stand-alone ones.",
    ),
    "ranks": (
        ranks,
        "Ranks of subnets",
        "Each point is a subnet, ranked by means over seeds at the largest budget; 1 is best. "
        "In the shaded square are the best that were found; on the line, the order is right. "
        "τ: mean over seeds of Kendall's tau-b.",
    ),
    "pareto": (
        pareto,
        "Front of accuracy and FLOPs",
        "Each point is a subnet with inherited weights, the mean over seeds at the largest budget; the "
        "coloured steps are the best for at most so many multiply-adds, the dashed ones those of "
        "stand-alone training.",
    ),
}


def section(study: Study) -> Section:
    """Tables `gap`, `differences`, `magnitude`, `crossed`, `closed`, `sizes`, `ablation`, `ranking`, `stability`, `task`, `cost`, `tuning`, `subnets`."""
    tasks = read_tasks(study)
    arms = looks(list(dict.fromkeys(arm for task in tasks for arm in task.arms)))
    alone = not any(np.isnan(task.standalone).all() for task in tasks)
    gap_figures = tuple(_gap_figure(task, arms, tasks) for task in tasks) if alone else ()
    panels = partial(_panels, tasks, arms)
    costs, tuning = study.beside(cost.COST), study.beside(cost.TUNING)
    steady = partial(stability.stability_tables, path=study.beside(stability.FILE))
    spent = partial(cost.cost_tables, cost=costs, tuning=tuning)
    tried = partial(cost.tuning_tables, path=tuning)

    def part(
        name: str,
        title: str,
        make: Callable[[Task], list[DataFrame]],
        figures: tuple[Figure, ...] = (),
    ) -> Part:
        return Part(name, title, partial(_of_all, tasks, make), figures)

    separate = partial(separation.task_tables, tasks, study.beside(separation.FILE))
    parts = (
        part("gap", "Gap to stand-alone training", tables.gap_tables, gap_figures),
        part("differences", "Gap against other arms", tables.difference_tables),
        part("magnitude", "Mean absolute gap and order", magnitude.magnitude_tables),
        part("crossed", "Strategies by generators", crossing.crossed_tables),
        part("closed", "Gap closed", closing.closed_tables),
        part("sizes", "Gap by size of subnet", thirds.size_tables),
        part("ablation", "Ablation", tables.ablation_tables),
        part("ranking", "Ranking of subnets", tables.ranking_tables,
             panels("scatter", "ranks") if alone else ()),
        Part("pareto", "Quality against compute of a subnet", figures=panels("pareto")),
        part("stability", "Stability of the order", steady),
        Part("task", "Does the task separate architectures?", separate),
        part("cost", "Cost", spent),
        part("tuning", "Learning rates", tried),
        part("subnets", "All subnets", tables.subnet_tables),
    )  # fmt: skip
    facts = tuple(fact for task in tasks for fact in _facts(task, many=len(tasks) > 1))
    return Section(study.name, study.title, parts, lead=study.question, facts=facts, looks=arms)


def _facts(task: Task, *, many: bool) -> list[str]:
    facts = [
        f"{len(task.arms)} arms",
        sizes(task),
        f"budgets of {trainings(task.budgets)}",
        f"{task.quality}, gap in {task.measure.unit}",
    ]
    if few := reservation(task):
        facts.append(f"intervals are rough: only {few}")
    return [f"{task.name}: " + ", ".join(facts)] if many else [task.name, *facts]


def _gap_figure(task: Task, arms: Mapping[str, Look], tasks: Sequence[Task]) -> Figure:
    many = len(task.budgets) > 1
    other = FLAGSHIP if not many and FLAGSHIP in task.arms else rival(task)
    other = other if len(task.arms) > 1 else None
    beside = f" The second panel is the difference to `{other}`, paired by seed and subnet."
    few = reservation(task)
    caption = (
        f"Mean gap of {len(task.subnets)} subnets against stand-alone training, below 0 is better "
        f"than alone. {'Bands' if many else 'Bars'}: each a {METHOD}; "
        f"{sizes(task)}."
        + (beside if other else "")
        + (f" **Intervals are rough: only {few}.**" if few else "")
    )
    draw = partial(over_budgets if many else forest, task, arms, other)
    return Figure(_name("gap", task, tasks), f"Gap, {task.name}", caption, draw)


def _panels(tasks: Sequence[Task], arms: Mapping[str, Look], *names: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            _name(name, task, tasks), f"{title}, {task.name}", caption, partial(draw, task, arms)
        )
        for task in tasks
        for name, (draw, title, caption) in _PANELS.items()
        if name in names
    )


def _of_all(tasks: Sequence[Task], make: Callable[[Task], list[DataFrame]]) -> list[DataFrame]:
    """The tables of all tasks; their captions name the task where there are several."""
    made = []
    for task in tasks:
        for table in make(task):
            if len(tasks) > 1:
                table.attrs["caption"] = f"**{task.name}.** {table.attrs['caption']}"
            made.append(table)
    return made


def _name(name: str, task: Task, tasks: Sequence[Task]) -> str:
    return name if len(tasks) == 1 else f"{name}-{task.name}"
