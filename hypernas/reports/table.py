"""Tables: cells that are read as text and sorted by value, as Markdown."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

MINUS, ABSENT = "\N{MINUS SIGN}", "–"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what is shown; words in `backticks` are code.
        value: what sorting compares; None comes last.
        strong: shown in bold.
    """

    text: str
    value: float | str | None = None
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns.

    Attributes:
        caption: what the figures are, with their unit, the sample sizes and which way is better.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""

    def numeric(self, column: int) -> bool:
        """Whether the cells of a column are numbers, as far as they have a value."""
        values = [row[column].value for row in self.rows if row[column].value is not None]
        return bool(values) and all(not isinstance(value, str) for value in values)


def tabulated(rows: Sequence[Mapping[str, Cell]], caption: str = "") -> Table:
    """A table of rows that all have the same columns, by name."""
    return Table(tuple(rows[0]), tuple(tuple(row.values()) for row in rows), caption)


def word(text: str, *, code: bool = False) -> Cell:
    """A cell of text."""
    return Cell(f"`{text}`" if code else text, text)


def number(
    value: float | None, digits: int = 2, *, signed: bool = False, grouped: bool = False
) -> Cell:
    """A number with that many decimals; absent if None or nan."""
    if value is None or math.isnan(value):
        return Cell(ABSENT)
    return Cell(figure(value, digits, signed=signed, grouped=grouped), float(value))


def figure(value: float, digits: int, *, signed: bool = False, grouped: bool = False) -> str:
    """A number as text, with a true minus sign and no negative zero."""
    value = round(value, digits) or 0.0
    return f"{value:{'+' if signed else ''}{',' if grouped else ''}.{digits}f}".replace("-", MINUS)


def interval(
    value: float, low: float, high: float, digits: int = 2, *, signed: bool = False
) -> Cell:
    """`value [low, high]`; the interval is left out where it is not known."""
    cell = number(value, digits, signed=signed)
    if cell.value is None or math.isnan(low) or math.isnan(high):
        return cell
    low_text, high_text = (figure(end, digits, signed=signed) for end in (low, high))
    return replace(cell, text=f"{cell.text} [{low_text}, {high_text}]")


def spread(values: Sequence[float], digits: int = 2, *, signed: bool = False) -> Cell:
    """The mean of some values; of several, with the lowest and the highest."""
    low, high = (min(values), max(values)) if len(values) > 1 else (math.nan, math.nan)
    return interval(sum(values) / len(values), low, high, digits, signed=signed)


def embolden(cells: Sequence[Cell], *, highest: bool = False) -> list[Cell]:
    """The cells, the lowest number (or the highest) in bold."""
    values = [cell.value for cell in cells if isinstance(cell.value, float)]
    if len(values) < 2:
        return list(cells)
    best = max(values) if highest else min(values)
    return [replace(cell, strong=cell.value == best) for cell in cells]


def markdown(tables: Sequence[Table]) -> str:
    """Tables one below the other, each after its caption."""
    return "\n\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    lines = [f"{table.caption}\n"] if table.caption else []
    lines.append(_line(table.columns))
    marks = ["---:" if table.numeric(i) else "---" for i in range(len(table.columns))]
    lines.append("|" + "|".join(marks) + "|")
    bold = [[f"**{c.text}**" if c.strong else c.text for c in row] for row in table.rows]
    return "\n".join(lines + [_line(texts) for texts in bold])


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
