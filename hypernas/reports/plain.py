"""Any other results: the table as it is."""

from pathlib import Path

from pandas import DataFrame

from hypernas.reports import csv_file
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.table import MINUS, Cell

COLUMNS: set[str] = set()
_LONG = 6  # characters of a number from which on it is rounded


def section(study: Study) -> Section:
    """One table, `table`: every row and column of the file."""
    table = plain_table(study.path)
    part = Part("table", "Results", lambda: [table])
    facts = (f"{len(table)} rows",)
    return Section(study.name, study.title, (part,), lead=study.question, facts=facts)


def plain_table(path: Path, caption: str = "") -> DataFrame:
    """Every row and column of a CSV file; architectures come last, each in one short line."""
    rows = csv_file.read(path)
    if "architecture" in rows:
        architectures = rows.pop("architecture").str.replace(r'[{}"]', "", regex=True)
        rows["architecture"] = architectures
    table = rows.map(_cell).rename(columns=lambda name: name.replace("_", " "))
    table.attrs["caption"] = caption
    return table


def _cell(text: str) -> Cell:
    """A number is told by its look, and sorted by its value."""
    try:
        value = float(text)
    except ValueError:
        return Cell(text, text or None)
    if value != value:
        return Cell(text)
    digits = text.strip().lstrip("+-")
    if digits.isdigit():
        text = f"{int(text):,}" if len(digits) > 4 else text
    elif len(digits) > _LONG:
        text = f"{value:.4g}"
    return Cell(text.replace("-", MINUS), value)
