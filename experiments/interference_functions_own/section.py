"""The tables of a study of gaps, and how the arms of interference_functions stand to it."""

from dataclasses import replace

import numpy as np
from pandas import DataFrame

from hypernas.reports import Part, Section, Study, open_study
from hypernas.reports.gap import section as gap
from hypernas.reports.gap.estimates import of_seeds, times
from hypernas.reports.gap.task import Task, read_tasks
from hypernas.reports.table import Cell, over_seeds, table, word


def section(study: Study) -> Section:
    made = gap.section(study)
    (own,) = read_tasks(study)
    (other,) = read_tasks(open_study(study.path.parent.with_name("interference_functions")))
    return replace(
        made, parts=(*made.parts, Part("against", "Against", lambda: [against(own, other)]))
    )


def against(own: Task, other: Task) -> DataFrame:
    """A row for each arm of the other study and budget of both."""
    (arm,) = own.arms
    lines = []
    for each in other.arms:
        for budget in (b for b in own.budgets if not np.isnan(of_seeds(other, each, b)).all()):
            found = of_seeds(other, each, budget) - of_seeds(own, arm, budget)
            lines.append(
                {
                    "arm": word(each, code=True),
                    "budget": Cell(times(budget), budget),
                    "difference (nats)": over_seeds(list(found), 3, signed=True),
                    "seeds in which ahead": Cell(
                        f"{(found < 0).sum()} of {len(found)}", float((found < 0).sum())
                    ),
                }
            )
    return table(
        lines,
        "Gap of each arm of interference_functions less that of weights of their own for each function, paired by seed, means over the same "
        "subnets (below 0: the arm is better); mean [95 % interval of Student's t over seeds].",
    )
