"""What the results say: what generators store, what a step costs, and what they say of themselves."""

from typing import Any

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import ABSENT, Cell, Table, number, tabulated, word

NUMBERS = ("weights", "stored_per_weight", "ratio_median", "rounds")
Rows = list[dict[str, Any]]


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = (
        Part("stored", "What is stored", lambda: [stored(rows)]),
        Part("step", "What a step costs", lambda: [step(rows)]),
        Part("conv2d", "What generators say of themselves", lambda: [words(rows, "conv2d")]),
    )
    return Section(study.name, study.title(), parts, lead=study.question())


def stored(rows: Rows) -> Table:
    sizes = {f"`{row['space']}`": number(row["weights"], 0, grouped=True) for row in rows}
    first = {"generator": word("weights of the largest subnet"), **sizes}
    caption = "Parameters stored for each weight of the largest subnet."
    return tabulated([first, *by_space(rows, "stored_per_weight")], caption)


def step(rows: Rows) -> Table:
    rounds = f"median of {rows[0]['rounds']:g} rounds"
    caption = f"CPU time of a training step over that of weight sharing, {rounds}."
    return tabulated(by_space(rows, "ratio_median"), caption)


def by_space(rows: Rows, value: str) -> list[dict[str, Cell]]:
    """A row for each generator, a column for each space."""
    found: dict[str, dict[str, Cell]] = {}
    for row in rows:
        name = row["generator"]
        cells = found.setdefault(name, {"generator": word(name, code=True)})
        cells[f"`{row['space']}`"] = number(row[value])
    return list(found.values())


def words(rows: Rows, space: str) -> Table:
    """How each generator makes the largest matrix of a space's largest subnet."""
    lines = [
        {
            "generator": word(row["generator"], code=True),
            "how a matrix comes about": word(row["how"]),
            "stored": number(row["stored_per_weight"]),
            "step": number(row["ratio_median"]),
            "hypernetwork": word(row["taxonomy"].split(", ")[1] if row["taxonomy"] else ABSENT),
        }
        for row in rows
        if row["space"] == space
    ]
    return tabulated(lines)
