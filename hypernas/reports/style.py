"""Look of figures: colours that also work without colour vision, in light and in dark.

The hues are those of Okabe and Ito (2008), made darker or lighter until each has a contrast of at
least 3 to the paper it is drawn on. Lines and points also differ in dash and marker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

BASELINE, FLAGSHIP = "shared", "hypernas"

# role -> (on light paper, on dark paper); a role is a variable of the page's style sheet
COLOURS = {
    "paper": ("#ffffff", "#171c22"),
    "ink": ("#1b2733", "#e6ebf0"),
    "muted": ("#566473", "#9fadba"),
    "grid": ("#dde3e9", "#303a45"),
    "faint": ("#c3ccd5", "#465361"),
    "blue": ("#0072b2", "#4da3e6"),
    "vermillion": ("#cc5500", "#ff8c52"),
    "green": ("#00885f", "#33c99b"),
    "purple": ("#b4518b", "#e59ac8"),
    "orange": ("#a87000", "#e8b64a"),
    "sky": ("#2b88bd", "#93d8f7"),
}
INK, MUTED, GRID, FAINT, PAPER = (
    COLOURS[role][0] for role in ("ink", "muted", "grid", "faint", "paper")
)
_HUES = ["blue", "vermillion", "green", "purple", "orange", "sky"]
_MARKERS = {
    "o": "●",
    "s": "■",
    "^": "▲",
    "D": "◆",
    "v": "▼",
    "P": "✚",
    "X": "✖",
    "<": "◀",
    "p": "⬟",
    ">": "▶",
}
_DASHES: list[Any] = [
    "-",
    (0, (6, 2)),
    (0, (2, 1.2)),
    (0, (6, 2, 1.5, 2)),
    (0, (10, 2)),
    (0, (4, 1.5, 1.5, 1.5)),
]

TITLE = 9.0  # points
RC: "dict[RcKeyType, object]" = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.titlesize": TITLE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.7,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "svg.hashsalt": "hypernas",
    "text.parse_math": False,
    "image.interpolation": "none",
    "image.composite_image": False,
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and dash of an arm, or of a run."""

    colour: str
    marker: str
    dash: Any

    @property
    def role(self) -> str:
        """The name of the colour."""
        return next(role for role, (light, _) in COLOURS.items() if light == self.colour)

    @property
    def sign(self) -> str:
        """The marker as a character."""
        return _MARKERS.get(self.marker, "●")

    def line(self) -> dict[str, Any]:
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.dash,
            "markeredgecolor": PAPER,
            "markeredgewidth": 0.7,
        }

    def points(self) -> dict[str, Any]:
        return {"color": self.colour, "marker": self.marker, "edgecolors": PAPER, "linewidths": 0.5}


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each name; the baseline is always ink, the flagship (or the first) always blue."""
    first = FLAGSHIP if FLAGSHIP in names else next((n for n in names if n != BASELINE), "")
    others = [name for name in names if name not in (BASELINE, first)]
    ordered = {name: number for number, name in enumerate([first, *others])}
    return {name: _look(ordered[name]) if name != BASELINE else _BASELINE for name in names}


_BASELINE = Look(INK, "o", (0, (1, 1)))


def _look(number: int) -> Look:
    round_, hue = divmod(number, len(_HUES))  # hues that come round again have other dashes
    return Look(
        COLOURS[_HUES[hue]][0],
        list(_MARKERS)[number % len(_MARKERS)],
        _DASHES[(hue + 2 * round_) % len(_DASHES)],
    )
