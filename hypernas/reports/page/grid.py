"""Tables inside the page: sorted by a click, in a box that scrolls by itself."""

import re
from collections.abc import Mapping
from html import escape

from hypernas.reports.style import Look
from hypernas.reports.table import Cell, Table

LONG = 15  # rows from which on a table has a filter


def grid(table: Table, looks: Mapping[str, Look], *, label: str) -> str:
    """HTML of a table; its caption above it.

    Args:
        looks: arm -> how it is drawn: a key stands before the arm's name.
        label: what the box is called where there is no caption.
    """
    numeric = [table.numeric(i) for i in range(len(table.columns))]
    classes = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{text(name)}</th>'
        for name, kind in zip(table.columns, classes, strict=True)
    )
    lines = []
    for row in table.rows:
        arm = row[0].value if row and row[0].value in looks else None
        cells = "".join(_cell(cell, kind, looks) for cell, kind in zip(row, classes, strict=True))
        belongs = f" data-arm={quoted(str(arm))}" if arm else ""
        lines.append(f"<tr{belongs}>{cells}</tr>")
    caption = f'<p class="caption">{text(table.caption)}</p>' if table.caption else ""
    long = ' data-long=""' if len(table.rows) > LONG else ""
    return (
        f'<div class="table"{long}>{caption}<div class="box" role="region" tabindex="0" '
        f"aria-label={quoted(label)}><table><thead><tr>{head}</tr></thead>"
        "<tbody>\n" + "\n".join(lines) + "\n</tbody></table></div></div>"
    )


def text(words: str) -> str:
    """Words with `code` and **bold** as HTML."""
    words = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(words, quote=False))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", words)


def quoted(words: str) -> str:
    """Words as the value of an attribute."""
    return f'"{escape(words, quote=True)}"'


def _cell(cell: Cell, kind: str, looks: Mapping[str, Look]) -> str:
    value = "" if cell.value is None else f" data-value={quoted(_plain(cell.value))}"
    shown = text(cell.text)
    if cell.text[:1].isdigit() or cell.text[:1] in "+−":
        shown = re.sub(r"( \[[^\]]*\])?( ± \S+)?$", _aside, shown, count=1)
    if cell.strong:
        shown = f"<strong>{shown}</strong>"
    look = looks.get(cell.value) if isinstance(cell.value, str) else None
    key = f'<span class="key" style="color:var(--{look.role})">{look.sign}</span>' if look else ""
    return f"<td{kind}{value}>{key}{shown}</td>"


def _aside(match: re.Match[str]) -> str:
    return f'<span class="aside">{match[0]}</span>' if match[0] else ""


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else repr(float(value))
