"""The tables of sections, put into Markdown files between their markers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypernas.reports.markers import refill
from hypernas.reports.section import Section
from hypernas.reports.table import markdown
from hypernas.storage.files import write_changed


@dataclass(frozen=True)
class Place:
    """A Markdown file.

    Attributes:
        own: the section that a marker without a name of a study means, if any.
    """

    path: Path
    own: Section | None = None


@dataclass(frozen=True)
class Refreshed:
    """What there was to do in a file.

    Attributes:
        stale: markers whose tables were not those of the results.
        strange: markers of studies that were not given.
    """

    path: Path
    stale: tuple[str, ...]
    strange: tuple[str, ...]


def refresh(
    places: Sequence[Place], sections: Sequence[Section], *, check: bool
) -> list[Refreshed]:
    """Bring the tables of files up to date, or only tell which are not.

    A marker is `table`, of the file's own study, or `study/table`.

    Args:
        check: write nothing.

    Raises:
        FileNotFoundError: if a file is not there.
        ValueError: if a marker is not closed, or asks for a table that there is not.
    """
    named = {section.name: section for section in sections}
    results, texts = [], {}
    for place in places:
        if not place.path.is_file():
            raise FileNotFoundError(f"{place.path}: there is no such Markdown file.")
        strange: list[str] = []

        def make(name: str, place: Place = place, strange: list[str] = strange) -> str | None:
            study, _, table = name.rpartition("/")
            section = named.get(study) if study else place.own
            if section is None:
                strange.append(name)
                return None
            try:
                part = section.part(table)
            except ValueError as error:
                raise ValueError(f"{place.path}, <!-- report: {name} -->: {error}") from None
            return markdown(part.tables() if part.tables else [])

        text, stale = refill(place.path.read_text(encoding="utf-8"), place.path, make)
        texts[place.path] = text
        results.append(Refreshed(place.path, tuple(stale), tuple(strange)))
    if not check:
        for path, text in texts.items():
            write_changed(path, text.encode())
    return results
