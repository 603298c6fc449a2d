"""What a report says of one study or run: parts with tables and figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hypernas.reports.figure import Figure
from hypernas.reports.style import Look
from hypernas.reports.table import Table


@dataclass(frozen=True)
class Part:
    """Tables and figures of one name, under which a Markdown file asks for the tables.

    Attributes:
        title: a heading.
        tables: makes the tables; None where there are only figures, or something is missing.
        missing: why there are no tables, for whoever asks for them.
        on_page: False for tables that other parts show already, and only Markdown files ask for.
    """

    name: str
    title: str
    tables: Callable[[], list[Table]] | None = None
    figures: tuple[Figure, ...] = ()
    missing: str = ""
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

    def part(self, name: str) -> Part:
        """The part whose tables are asked for.

        Raises:
            ValueError: if there is none of that name, or something it needs is missing.
        """
        named = {part.name: part for part in self.parts if part.tables or part.missing}
        if name not in named:
            raise ValueError(
                f"{self.name} has no table {name!r}, expected one of {list(named) or 'none'}."
            )
        part = named[name]
        if part.tables is None:
            raise ValueError(f"{self.name} has no table {name!r}: {part.missing}.")
        return part
