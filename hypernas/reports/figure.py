"""Figures: drawn at a width, written as files that are the same every time."""

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from hypernas.reports.style import INK, RC, TITLE
from hypernas.storage.files import write_changed

ARM = "arm:"  # what the names of artists begin with that belong to an arm
_TELL = "tell:"  # a link in the drawing, that becomes a title
_TOLD = re.compile(rf'<a xlink:href="{_TELL}([^"]*)"[^>]*>(.*?)</a>', flags=re.DOTALL)
WIDE, NARROW = 7.6, 3.45  # inches: a page of text, a phone


@dataclass(frozen=True)
class Figure:
    """Something to be drawn.

    Attributes:
        name: of its files, and of its place on the page.
        title: a few words.
        caption: what is seen, sample sizes, what the bars and bands are.
        draw: width in inches -> the drawing, of whatever height.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[float], Canvas]

    @cached_property
    def wide(self) -> tuple[str, bytes]:
        """As SVG, in which text stays text, and as PNG, 160 points an inch."""
        with mpl.rc_context(RC):
            drawn = self.draw(WIDE)
            svg = _svg(drawn)
            drawn.set_layout_engine("none")  # it stays as it was laid out
            file = io.BytesIO()
            drawn.savefig(file, format="png", dpi=160, metadata={"Software": None})
        return svg, file.getvalue()

    @cached_property
    def narrow(self) -> str:
        """As SVG, for a phone."""
        with mpl.rc_context(RC):
            return _svg(self.draw(NARROW))

    def files(self, folder: Path) -> dict[Path, bytes]:
        """The contents of `name.svg` and `name.png`."""
        svg, png = self.wide
        return {folder / f"{self.name}.svg": svg.encode(), folder / f"{self.name}.png": png}

    def write(self, folder: Path) -> list[Path]:
        """Write `name.svg` and `name.png`."""
        found = self.files(folder)
        for path, data in found.items():
            write_changed(path, data)
        return list(found)


def _svg(drawn: Canvas) -> str:
    file = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    drawn.savefig(file, format="svg", metadata=metadata)
    return _TOLD.sub(r"<g><title>\1</title>\2</g>", file.getvalue())


def canvas(width: float, height: float) -> Canvas:
    """An empty drawing; sizes in inches."""
    return Canvas(figsize=(width, height), layout="constrained")


def multiples(
    names: Sequence[str],
    draw: Callable[[Axes, str], None],
    width: float,
    height: Callable[[int, int], float],
    *,
    across: str,
    up: str,
) -> Canvas:
    """Small multiples: a panel of the same axes for each name, which is its title.

    Args:
        height: rows and columns of panels -> inches.
        across, up: names of the axes.
    """
    columns = min(len(names), 4 if width > 5 else 2)
    rows = math.ceil(len(names) / columns)
    drawing = canvas(width, height(rows, columns))
    panels = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, axes in enumerate(panels):
        if place < len(names):
            draw(axes, names[place])
            axes.set_title(fitted(names[place], width / columns))
            axes.tick_params(labelbottom=place + columns >= len(names))
        else:
            axes.set_visible(False)
    drawing.supxlabel(across, fontsize=9, color=INK)
    drawing.supylabel(up, fontsize=9, color=INK)
    return drawing


def fitted(title: str, inches: float) -> str:
    """A title of a panel so wide, broken in two where it would run into that of the next."""
    if len(title) <= inches * 72 / (0.66 * TITLE) - 2:
        return title
    breaks = [match.end() for match in re.finditer(", " if ", " in title else r"[ _/-]", title)]
    middle = min(breaks, key=lambda place: abs(2 * place - len(title)), default=len(title))
    return f"{title[:middle].rstrip()}\n{title[middle:]}"


def tell(points: PathCollection, words: Sequence[str]) -> None:
    """Say of each point what to show under the pointer, in the SVG."""
    points.set_urls([f"{_TELL}{text}" for text in words])


def of_arm(name: str, *artists: Artist) -> None:
    """Say to which arm artists belong, so that a page can bring it out."""
    for artist in artists:
        artist.set_gid(f"{ARM}{name}")


def logarithmic(axis: Axis, *, unit: str = "") -> None:
    """Ticks of a logarithmic axis, on which everything is drawn, as plain numbers."""
    low, high = axis.get_view_interval()
    few = MaxNLocator(6, steps=[1, 2, 5, 10])
    axis.set_major_locator(few if high < 5 * low else LogLocator(subs=(1.0, 2.0, 5.0), numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{unit}"))
    axis.set_minor_locator(NullLocator())
