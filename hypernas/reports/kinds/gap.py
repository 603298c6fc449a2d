"""Studies of the gap: a row for each evaluated subnet of a trained generator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure as Canvas

from hypernas.reports.figure import Figure
from hypernas.reports.gap import cost, results, separation, stability
from hypernas.reports.gap.analysis import measure, rival, sizes, trainings
from hypernas.reports.gap.figures import forest, over_budgets
from hypernas.reports.gap.panels import pareto, ranks, scatter
from hypernas.reports.gap.ranking import ranking_table
from hypernas.reports.gap.results import Task
from hypernas.reports.gap.subnets import subnet_table
from hypernas.reports.gap.tables import ablation_table, difference_tables, gap_table
from hypernas.reports.kinds.kind import Kind
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import BASELINE, FLAGSHIP, Look, looks
from hypernas.reports.table import Table

Draw = Callable[[Task, Mapping[str, Look], float], Canvas]


class Gap(Kind):
    """Tables `gap`, `differences`, `ablation`, `ranking`, `stability`, `task`, `cost`, `tuning` and `subnets`."""

    def fits(self, columns: Sequence[str]) -> bool:
        return {"inherited", "standalone"} <= set(columns)

    def section(self, study: Study) -> Section:
        tasks = results.read(study.path)
        arms = looks(list(dict.fromkeys(arm for task in tasks for arm in task.arms)))
        parts = (
            _gap(tasks, arms),
            _differences(tasks),
            _ablation(tasks),
            _ranking(tasks, arms),
            _pareto(tasks, arms),
            _stability(tasks, study),
            Part("task", "Does the task separate architectures?", _task(tasks, study)),
            *_cost(tasks, study),
            Part("subnets", "All subnets", _tables(tasks, lambda task: [subnet_table(task)])),
        )
        facts = tuple(fact for task in tasks for fact in _facts(task, many=len(tasks) > 1))
        return Section(
            study.name, study.title(), parts, lead=study.question(), facts=facts, looks=arms
        )


def _facts(task: Task, *, many: bool) -> list[str]:
    facts = [
        f"{len(task.arms)} arms",
        sizes(task),
        f"budgets of {trainings(task.budgets)}",
        f"{task.measure.replace('_', ' ')}, gap in {measure(task).unit}",
    ]
    return [f"{task.name}: " + ", ".join(facts)] if many else [task.name, *facts]


def _gap(tasks: Sequence[Task], arms: Mapping[str, Look]) -> Part:
    title = "Gap to stand-alone training"
    if any(np.isnan(task.standalone).all() for task in tasks):
        return Part("gap", title, missing="the results have no stand-alone values")
    figures = []
    for task in tasks:
        many = len(task.budgets) > 1
        other = FLAGSHIP if not many and FLAGSHIP in task.arms else rival(task)
        other = other if len(task.arms) > 1 else None
        beside = (
            f" The second panel is the difference to `{other}`, paired by seed and subnet."
            if other
            else ""
        )
        caption = (
            f"Mean gap of {len(task.subnets)} subnets against stand-alone training, below 0 is better "
            f"than alone. {'Bands' if many else 'Bars'}: 95 % intervals over subnets, those of "
            f"differences over seeds too; {sizes(task)}.{beside}"
        )
        draw = partial(over_budgets if many else forest, task, arms, other)
        figures.append(Figure(_name("gap", task, tasks), f"Gap, {task.name}", caption, draw))
    return Part(
        "gap",
        title,
        _tables(tasks, lambda task: [gap_table(task)]),
        tuple(figures),
    )


def _differences(tasks: Sequence[Task]) -> Part:
    title, some = "Gap against other arms", [task for task in tasks if difference_tables(task)]
    if not some:
        why = f"it compares several arms with `{BASELINE}` or `{FLAGSHIP}`, and these are not there"
        return Part("differences", title, missing=why)
    return Part("differences", title, _tables(tasks, difference_tables))


def _ablation(tasks: Sequence[Task]) -> Part:
    if any(len(task.budgets) > 1 for task in tasks):
        why = "it is for results of one budget, and these have several"
    elif any(FLAGSHIP not in task.arms for task in tasks):
        why = f"it compares arms with `{FLAGSHIP}`, which the results lack"
    else:
        return Part("ablation", "Ablation", _tables(tasks, lambda task: [ablation_table(task)]))
    return Part("ablation", "Ablation", missing=why)


def _ranking(tasks: Sequence[Task], arms: Mapping[str, Look]) -> Part:
    title = "Ranking of subnets"
    if any(np.isnan(task.standalone).all() for task in tasks):
        return Part("ranking", title, missing="the results have no stand-alone values")
    captions: dict[str, tuple[Draw, str, str]] = {
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
    }
    return Part(
        "ranking",
        title,
        _tables(tasks, lambda task: [ranking_table(task)]),
        _figures(tasks, arms, captions),
    )


def _pareto(tasks: Sequence[Task], arms: Mapping[str, Look]) -> Part:
    caption = (
        "Each point is a subnet with inherited weights, the mean over seeds at the largest budget; the "
        "coloured steps are the best for at most so many multiply-adds, the dashed ones those of "
        "stand-alone training."
    )
    drawn: dict[str, tuple[Draw, str, str]] = {
        "pareto": (pareto, "Front of accuracy and FLOPs", caption)
    }
    return Part(
        "pareto", "Quality against compute of a subnet", figures=_figures(tasks, arms, drawn)
    )


def _stability(tasks: Sequence[Task], study: Study) -> Part:
    title, path = "Stability of the order", study.beside(stability.FILE)
    if path is None:
        return Part("stability", title, missing=_absent(stability.FILE))
    return Part(
        "stability", title, _tables(tasks, lambda task: [stability.stability_table(task, path)])
    )


def _task(tasks: Sequence[Task], study: Study) -> Callable[[], list[Table]]:
    return lambda: [separation.task_table(tasks, study.beside(separation.FILE))]


def _cost(tasks: Sequence[Task], study: Study) -> list[Part]:
    path, tuning = study.beside(cost.COST), study.beside(cost.TUNING)
    first = Part("cost", "Cost", missing=_absent(cost.COST))
    if path is not None:
        first = Part(
            "cost", "Cost", _tables(tasks, lambda task: [cost.cost_table(task, path, tuning)])
        )
    second = Part("tuning", "Learning rates", missing=_absent(cost.TUNING))
    if tuning is not None:
        second = Part(
            "tuning",
            "Learning rates",
            _tables(tasks, lambda task: [cost.tuning_table(task, tuning)]),
        )
    return [first, second]


def _tables(
    tasks: Sequence[Task], make: Callable[[Task], list[Table]]
) -> Callable[[], list[Table]]:
    """The tables of all tasks; their captions name the task where there are several."""
    if len(tasks) == 1:
        return lambda: make(tasks[0])
    return lambda: [
        replace(table, caption=f"**{task.name}.** {table.caption}")
        for task in tasks
        for table in make(task)
    ]


def _figures(
    tasks: Sequence[Task],
    arms: Mapping[str, Look],
    drawn: Mapping[str, tuple[Draw, str, str]],
) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            _name(name, task, tasks), f"{title}, {task.name}", caption, partial(draw, task, arms)
        )
        for task in tasks
        for name, (draw, title, caption) in drawn.items()
    )


def _name(name: str, task: Task, tasks: Sequence[Task]) -> str:
    return name if len(tasks) == 1 else f"{name}-{task.name}"


def _absent(file: str) -> str:
    return f"there is no {file} beside results.csv"
