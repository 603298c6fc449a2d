"""Section of a report on one study or run: parts with tables and figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pandas import DataFrame

from hypernas.reports.figure import Figure
from hypernas.reports.style import Look


class Missing(ValueError):
    """A table cannot be made, for want of results; the words say of which."""


@dataclass(frozen=True)
class Part:
    """Tables and figures of one name, under which a Markdown file asks for the tables.

    Attributes:
        title: a heading.
        tables: makes the tables, or raises Missing; None where there are only figures.
        on_page: False for tables that other parts show already, and only Markdown files ask for.
    """

    name: str
    title: str
    tables: Callable[[], list[DataFrame]] | None = None
    figures: tuple[Figure, ...] = ()
    on_page: bool = True


@dataclass(frozen=True)
class Section:
    """A study, or a group of runs.

    Attributes:
        name: by which Markdown files ask for its tables; its place on the page.
        title, lead: a heading, and a paragraph below it.
        facts: short statements of what was measured: seeds, subnets, arms.
        looks: arm -> how it is drawn, as key beside its name.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    lead: str = ""
    facts: tuple[str, ...] = ()
    looks: Mapping[str, Look] = field(default_factory=dict)

    def tables(self, name: str) -> list[DataFrame]:
        """The tables of a part.

        Raises:
            ValueError: if there is none of that name, or something it needs is missing.
        """
        named = {part.name: part.tables for part in self.parts if part.tables}
        if name not in named:
            raise ValueError(
                f"{self.name} has no table {name!r}, expected one of {list(named) or 'none'}."
            )
        try:
            return named[name]()
        except Missing as error:
            raise ValueError(f"{self.name} has no table {name!r}: {error}.") from None
