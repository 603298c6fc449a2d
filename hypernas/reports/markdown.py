"""The tables of sections, put into Markdown files between their markers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypernas.reports.section import Section
from hypernas.reports.table import markdown

END = "<!-- end -->"
_BEGIN = re.compile(r"<!-- *report: *(\S+) *-->")
_FENCE = re.compile(r"(`{3,}|~{3,})")


@dataclass(frozen=True)
class Refreshed:
    """A Markdown file with its tables brought up to date.

    Attributes:
        text: of the file, as it is to be.
        stale: markers whose tables were not those of the results.
        strange: markers of studies that were not given.
    """

    path: Path
    text: str
    stale: list[str]
    strange: list[str]


def refreshed(path: Path, own: Section | None, sections: Mapping[str, Section]) -> Refreshed:
    """A Markdown file with the tables of sections; a marker is `table`, or `study/table`.

    Args:
        own: the section that a marker without a name of a study means, if any.
        sections: by name.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if a marker is not closed, or asks for a table that there is not.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such Markdown file.")
    strange: list[str] = []

    def make(name: str) -> str | None:
        study, _, table = name.rpartition("/")
        section = sections.get(study) if study else own
        if section is None:
            strange.append(name)
            return None
        try:
            return markdown(section.tables(table))
        except ValueError as error:
            raise ValueError(f"{path}, <!-- report: {name} -->: {error}") from None

    text, stale = refill(path.read_text(encoding="utf-8"), path, make)
    return Refreshed(path, text, stale, strange)


def refill(text: str, path: Path, make: Callable[[str], str | None]) -> tuple[str, list[str]]:
    """The text with what `make` gives for each name, and the names for which that is news.

    Args:
        make: the name of a marker -> what is to stand there, or None to leave it as it is.

    Raises:
        ValueError: as `markers`; whatever `make` raises.
    """
    lines = text.splitlines()
    stale = []
    for name, begin, end in reversed(markers(text, path)):
        made = make(name)
        if made is not None and made != "\n".join(lines[begin + 1 : end]):
            lines[begin + 1 : end] = made.splitlines()
            stale.append(name)
    return "\n".join(lines) + ("\n" if text.endswith("\n") else ""), stale[::-1]


def markers(text: str, path: Path) -> list[tuple[str, int, int]]:
    """The pairs of lines `<!-- report: name -->` and `<!-- end -->`: name and indices of lines.

    Those outside code blocks, each alone on its line.

    Raises:
        ValueError: where a marker is not closed, or stands inside another.
    """
    found: list[tuple[str, int, int]] = []
    name, begin, fence = "", -1, ""
    for index, line in enumerate([*text.splitlines(), None]):
        line = line if line is None else line.strip()
        start = _BEGIN.fullmatch(line) if line and not fence else None
        if name and (start or line is None):
            why = f"line {index + 1} opens another" if start else "the file ends"
            raise ValueError(
                f"{path}, line {begin + 1}: <!-- report: {name} --> is not closed: {why} before "
                f"{END}. Put {END} on a line of its own after the table's place."
            )
        if line and (mark := _FENCE.match(line)):
            fence = "" if fence and line.startswith(fence) else fence or mark[1]
        elif start:
            name, begin = start[1], index
        elif line == END and name and not fence:
            found.append((name, begin, index))
            name = ""
    return found
