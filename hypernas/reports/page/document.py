"""The page put together: sections, a table of contents, styles and behaviour."""

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from hypernas.reports.page.drawing import drawing
from hypernas.reports.page.grid import grid, quoted, text
from hypernas.reports.section import Part, Section
from hypernas.reports.style import COLOURS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def document(sections: Sequence[Section], *, title: str) -> str:
    """A whole HTML document, which fetches nothing: its own policy forbids it to."""
    shown = [section for section in sections if section.parts]
    heading = f"<h1>{text(title)}</h1>" if len(shown) > 1 else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>\n{_variables()}{_resource('page.css')}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#main">Skip to the results</a>\n'
        f'<header><p class="brand">hypernas report</p>{heading}</header>\n'
        f'<div class="layout">\n{_contents(shown)}\n<main id="main">\n'
        + "\n".join(_section(section, level=2 if heading else 1) for section in shown)
        + f"\n</main>\n</div>\n<script>\n{_resource('page.js')}</script>\n</body>\n</html>\n"
    )


def _contents(sections: Sequence[Section]) -> str:
    items, several = [], ' class="several"' if len(sections) > 1 else ""
    for section in sections:
        parts = "".join(
            f'<li><a href="#{_place(section, part)}">{text(part.title)}</a></li>'
            for part in section.parts
            if _filled(part)
        )
        items.append(
            f'<li><a href="#{_slug(section.name)}">{text(section.title)}</a><ul>{parts}</ul>'
        )
    return f'<nav{several} aria-label="Contents"><ul>{"</li>".join(items)}</li></ul></nav>'


def _section(section: Section, *, level: int) -> str:
    place = _slug(section.name)
    facts = "".join(f"<li>{text(fact)}</li>" for fact in section.facts)
    arms = "".join(
        f'<li data-arm={quoted(arm)}><span class="key" style="color:var(--{look.role})">'
        f"{look.sign}</span><code>{escape(arm)}</code></li>"
        for arm, look in section.looks.items()
    )
    return (
        f'<section id="{place}" aria-labelledby="{place}-title">\n'
        f'<h{level} id="{place}-title">{text(section.title)}</h{level}>\n'
        + (f'<p class="lead">{text(section.lead)}</p>\n' if section.lead else "")
        + (f'<ul class="facts">{facts}</ul>\n' if facts else "")
        + (f'<ul class="arms" aria-label="Arms">{arms}</ul>\n' if len(section.looks) > 1 else "")
        + "\n".join(
            _part(section, part, level=level + 1) for part in section.parts if _filled(part)
        )
        + "\n</section>"
    )


def _part(section: Section, part: Part, *, level: int) -> str:
    place = _place(section, part)
    figures = "\n".join(
        f"<figure>{drawing(figure, f'{place}-{figure.name}')}"
        f"<figcaption>{text(figure.caption)}</figcaption></figure>"
        for figure in part.figures
    )
    tables = "\n".join(
        grid(table, section.looks, label=part.title)
        for table in (part.tables() if part.tables else ())
    )
    return f'<article id="{place}">\n<h{level}>{text(part.title)}</h{level}>\n{figures}\n{tables}\n</article>'


def _filled(part: Part) -> bool:
    return part.on_page and bool(part.tables or part.figures)


def _place(section: Section, part: Part) -> str:
    return f"{_slug(section.name)}-{part.name}"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _variables() -> str:
    """The colours as variables: on light paper, and on dark where that is preferred."""
    light, dark = (
        "".join(f"--{role}:{pair[index]};" for role, pair in COLOURS.items()) for index in (0, 1)
    )
    return f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"


def _resource(name: str) -> str:
    return (files("hypernas.reports.page") / name).read_text(encoding="utf-8")
