"""Tables: pandas DataFrames of cells that are read as text and sorted by value, as Markdown."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pandas import DataFrame

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

    def __str__(self) -> str:
        return f"**{self.text}**" if self.strong else self.text


def table(rows: Sequence[Mapping[str, Cell]], caption: str = "") -> DataFrame:
    """A table of rows that all have the same columns, by name.

    Args:
        caption: what the figures are, with their unit, the sample sizes and which way is better;
            `table.attrs["caption"]`.
    """
    made = DataFrame(list(rows), dtype=object)
    made.attrs["caption"] = caption
    return made


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
    value = round(float(value), digits) or 0.0  # a float of numpy rounds by other rules
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


def over_seeds(values: Sequence[float], digits: int = 2, *, signed: bool = False) -> Cell:
    """The mean of a number over seeds, with the 95 % interval of Student's t; of one seed, alone."""
    from scipy.stats import t  # slow to import, and few tables need it

    mean, num, half = statistics.fmean(values), len(values), math.nan
    if num > 1:
        half = t.ppf(0.975, num - 1) * statistics.stdev(values) / math.sqrt(num)
    return interval(mean, mean - half, mean + half, digits, signed=signed)


def embolden(cells: Sequence[Cell], *, highest: bool = False) -> list[Cell]:
    """The cells, the lowest number (or the highest) in bold."""
    values = [cell.value for cell in cells if isinstance(cell.value, float)]
    if len(values) < 2:
        return list(cells)
    best = max(values) if highest else min(values)
    return [replace(cell, strong=cell.value == best) for cell in cells]


def numeric(column: Sequence[Cell]) -> bool:
    """Tell a column of numbers: each cell is one, as far as it has a value."""
    values = [cell.value for cell in column if cell.value is not None]
    return bool(values) and not any(isinstance(value, str) for value in values)


def markdown(tables: Sequence[DataFrame]) -> str:
    """Tables one below the other, each after its caption."""
    parts = []
    for made in tables:
        columns = [list(made.iloc[:, place]) for place in range(made.shape[1])]
        marks = ["---:" if numeric(column) else "---" for column in columns]
        lines = [made.columns, *zip(*columns, strict=True)]
        head, *body = ["| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines]
        caption = made.attrs["caption"]
        parts.append(
            f"{caption}\n\n" * bool(caption) + "\n".join([head, f"|{'|'.join(marks)}|", *body])
        )
    return "\n\n".join(parts)


def _escaped(cell: Cell | str) -> str:
    return str(cell).replace("|", "\\|")
