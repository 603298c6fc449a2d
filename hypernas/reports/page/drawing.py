"""Drawings inside the page: in the colours of its style sheet, at two widths."""

import re
from html import escape

from hypernas.reports.figure import ARM, Figure
from hypernas.reports.style import COLOURS

_VARIABLES = {light: f"var(--{role})" for role, (light, _) in COLOURS.items()}
_COLOUR = re.compile("|".join(_VARIABLES))
_FAMILY = re.compile(r" font-family: [^;\"]*;")
_DECIMALS = re.compile(r"(\d\.\d\d)\d+")  # of coordinates; more cannot be seen
_ID = re.compile(r' id="([^"]*)"')


def drawing(figure: Figure, place: str) -> str:
    """HTML of a figure: its wide and its narrow version, of which the style sheet shows one.

    Args:
        place: unique on the page; what names inside the drawing begin with.
    """
    versions = {"wide": figure.wide[0], "narrow": figure.narrow}
    return "".join(
        inline(svg, f"{place}-{kind}", kind=kind, title=figure.title)
        for kind, svg in versions.items()
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
