"""The page: one HTML file that needs nothing else."""

import re
from collections.abc import Mapping, Sequence
from html import escape

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from pandas import DataFrame

from hypernas.border import checked
from hypernas.reports.figure import ARM, Figure
from hypernas.reports.section import Missing, Part, Section
from hypernas.reports.style import COLOURS
from hypernas.reports.table import Cell, numeric

_LONG = 15  # rows from which on a table has a filter
_VARIABLES = {light: f"var(--{role})" for role, (light, _) in COLOURS.items()}
_COLOUR = re.compile("|".join(_VARIABLES))
_FAMILY = re.compile(r" font-family: [^;\"]*;")
_DECIMALS = re.compile(r"(\d\.\d\d)\d+")  # of coordinates; more cannot be seen
_ID = re.compile(r' id="([^"]*)"')


@checked
def page(sections: Sequence[Section], *, title: str) -> str:
    """A whole HTML document, which fetches nothing: its own policy forbids it to."""
    environment = Environment(
        loader=PackageLoader("hypernas.reports", "template"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"prose": prose, "aside": aside, "slug": slug}
    shown = [(section, _filled(section)) for section in sections if section.parts]
    return environment.get_template("page.html").render(
        title=title, sections=shown, colours=COLOURS, drawing=drawing, long=_LONG
    )


def _filled(section: Section) -> list[tuple[Part, list[Mapping[str, object]]]]:
    """The parts that have something to show, and their tables."""
    found = []
    for part in (part for part in section.parts if part.on_page):
        try:
            tables = [_grid(table) for table in part.tables()] if part.tables else []
        except Missing:
            tables = []
        if tables or part.figures:
            found.append((part, tables))
    return found


def _grid(table: DataFrame) -> Mapping[str, object]:
    """A table as the template wants it: caption, names of columns, which are numbers, rows."""
    columns = [list(table.iloc[:, place]) for place in range(table.shape[1])]
    return {
        "caption": table.attrs["caption"],
        "columns": list(zip(table.columns, map(numeric, columns), strict=True)),
        "rows": list(zip(*columns, strict=True)),
    }


def prose(words: str) -> Markup:
    """Words with `code` and **bold** as HTML."""
    words = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(words, quote=False))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", words))


def aside(cell: Cell) -> Markup:
    """A cell's text; the interval, the deviation and the reservation behind a number set apart."""
    shown = prose(cell.text)
    if cell.text[:1].isdigit() or cell.text[:1] in "+−":
        behind = r"( \[[^\]]*\])?( ± [^ (]+)?( \(only [^)]*\))?$"
        set_apart = '<span class="aside">{}</span>'
        shown = re.sub(behind, lambda m: set_apart.format(m[0]) if m[0] else "", shown, count=1)
    return Markup(shown)


def slug(name: str) -> str:
    """A name as a place on the page."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def drawing(figure: Figure, place: str) -> Markup:
    """A figure: its wide and its narrow version, of which the style sheet shows one.

    Args:
        place: unique on the page; what names inside the drawing begin with.
    """
    versions = {"wide": figure.wide[0], "narrow": figure.narrow}
    return Markup(
        "".join(
            inline(svg, f"{place}-{kind}", kind=kind, title=figure.title)
            for kind, svg in versions.items()
        )
    )


def inline(svg: str, place: str, *, kind: str, title: str) -> str:
    """A drawing's SVG as part of a page: no header, no size, names of its own, variable colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    body = svg[svg.index(">") + 1 :].replace("xlink:href", "href")
    used = set(re.findall(r'"#([^"]*)"|url\(#([^)]*)\)', body))
    named = {name for pair in used for name in pair if name}

    def rename(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith(ARM):
            return f' class="arm" data-arm="{name.removeprefix(ARM)}"'
        return f' id="{place}-{name}"' if name in named else ""

    body = _ID.sub(rename, body)
    body = re.sub(r'"#([^"]*)"', rf'"#{place}-\1"', body)
    body = re.sub(r"url\(#([^)]*)\)", rf"url(#{place}-\1)", body)
    body = _COLOUR.sub(lambda match: _VARIABLES[match[0]], _FAMILY.sub("", body))
    body = re.sub(r"<[^>]*>", lambda tag: _DECIMALS.sub(r"\1", tag[0]), body)
    body = re.sub(r"(?<=base64,)\s*|\n(?=[A-Za-z0-9+/=]{20,})", "", body)
    body = re.sub(r"\s+", " ", body).replace("> <", "><")
    head = f'<svg class="{kind}" role="img" aria-label="{escape(title, quote=True)}"'
    return f"{head} {box[0] if box else ''}>{body}"
