"""Parts of a Markdown file that stand between markers, and what is to stand there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

END = "<!-- end -->"
_BEGIN = re.compile(r"<!-- *report: *(\S+) *-->")
_FENCE = re.compile(r"(`{3,}|~{3,})")


@dataclass(frozen=True)
class Marker:
    """A pair of lines, `<!-- report: name -->` and `<!-- end -->`.

    Attributes:
        begin, end: their indices among the lines of the file.
    """

    name: str
    begin: int
    end: int


def markers(text: str, path: Path) -> list[Marker]:
    """The markers of a Markdown file, outside its code blocks; each alone on its line.

    Raises:
        ValueError: where a marker is not closed, or stands inside another.
    """
    found: list[Marker] = []
    name, begin, fence = "", -1, ""
    for index, line in enumerate(text.splitlines()):
        line = line.strip()
        if mark := _FENCE.match(line):
            fence = "" if fence and line.startswith(fence) else fence or mark[1]
        elif fence:
            continue
        elif start := _BEGIN.fullmatch(line):
            if name:
                raise ValueError(_unclosed(path, name, begin, f"line {index + 1} opens another"))
            name, begin = start[1], index
        elif line == END and name:
            found.append(Marker(name, begin, index))
            name = ""
    if name:
        raise ValueError(_unclosed(path, name, begin, "the file ends"))
    return found


def refill(
    text: str,
    path: Path,
    make: Callable[[str], str | None],
) -> tuple[str, list[str]]:
    """The text with what `make` gives for each name, and the names for which that is news.

    Args:
        make: the name of a marker -> what is to stand there, or None to leave it as it is.

    Raises:
        ValueError: as `markers`; whatever `make` raises.
    """
    lines = text.splitlines()
    stale = []
    for marker in reversed(markers(text, path)):
        made = make(marker.name)
        if made is None or made == "\n".join(lines[marker.begin + 1 : marker.end]):
            continue
        lines[marker.begin + 1 : marker.end] = made.splitlines()
        stale.append(marker.name)
    return "\n".join(lines) + ("\n" if text.endswith("\n") else ""), stale[::-1]


def _unclosed(path: Path, name: str, begin: int, why: str) -> str:
    return (
        f"{path}, line {begin + 1}: <!-- report: {name} --> is not closed: {why} before {END}. "
        f"Put {END} on a line of its own after the table's place."
    )
