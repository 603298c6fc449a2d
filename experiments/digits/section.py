"""What the results say: accuracy over budgets."""

import itertools
from typing import Any

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, Table, number, spread, tabulated, word

NUMBERS = ("seed", "steps", "lr", "stored", "calibrated_accuracy")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    part = Part("accuracy", "Accuracy", lambda: [table(rows)])
    return Section(study.name, study.title(), (part,), lead=study.question())


def table(rows: list[dict[str, Any]]) -> Table:
    lines = []
    for (steps, arm), group in itertools.groupby(rows, key=lambda row: (row["steps"], row["arm"])):
        own = list(group)
        lines.append(
            {
                "steps": number(steps, 0),
                "generator": word(arm, code=True),
                "parameters stored": number(own[0]["stored"], 0, grouped=True),
                "learning rate": Cell(f"{own[0]['lr']:g}", own[0]["lr"]),
                "largest subnet": accuracy(own, "largest"),
                "mean of 20 random subnets": accuracy(own, "random"),
            }
        )
    return tabulated(lines, "Test accuracy in %, mean over seeds [lowest, highest].")


def accuracy(rows: list[dict[str, Any]], kind: str) -> Cell:
    """Of the subnets of a kind, in %: the mean of each seed's mean."""
    seeds: dict[int, list[float]] = {}
    for row in rows:
        if row["subnet"].startswith(kind):
            seeds.setdefault(row["seed"], []).append(100 * row["calibrated_accuracy"])
    return spread([sum(values) / len(values) for values in seeds.values()])
