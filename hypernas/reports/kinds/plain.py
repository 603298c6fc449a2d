"""Any other results: the table as it is."""

from collections.abc import Sequence

from hypernas.reports import csv_file
from hypernas.reports.kinds.kind import Kind
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.table import MINUS, Cell, Table


class Plain(Kind):
    """One table, `table`: every row and column of the file."""

    def fits(self, columns: Sequence[str]) -> bool:
        return True

    def section(self, study: Study) -> Section:
        columns = csv_file.columns(study.path)
        rows = csv_file.read(study.path, {})
        table = Table(
            tuple(name.replace("_", " ") for name in columns),
            tuple(tuple(_cell(row[name]) for name in columns) for row in rows),
        )
        return Section(
            study.name,
            study.title(),
            (Part("table", "Results", lambda: [table]),),
            lead=study.question(),
            facts=(f"{len(rows)} rows",),
        )


def _cell(text: str) -> Cell:
    """A number is told by its look, and sorted by its value."""
    try:
        value = float(text)
    except ValueError:
        return Cell(text, text or None)
    if value != value:
        return Cell(text)
    decimals = text.strip().lstrip("+-")
    if decimals.isdigit() and len(decimals) > 4:
        text = f"{int(text):,}"
    return Cell(text.replace("-", MINUS), value)
