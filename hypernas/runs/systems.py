"""The published systems that hypernas implements: their commands, papers, tests and studies."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypernas.runs.config_files import configs

_OPTIONS = ("--markdown",)
_ABOUT = """hypernas describe: the published systems that hypernas implements.

  hypernas describe                 all of them
  hypernas describe once-for-all    those that have this word, or all of several
  hypernas describe --markdown      as a table

Each with the command that runs it, its paper, its test and the study in which it was measured (tests/
and experiments/ are folders of the project). Words may be part of any of these, in any case.
"""


@dataclass(frozen=True)
class System:
    """A published system.

    Attributes:
        system: its name.
        command: of hypernas, with the settings that make it up.
        paper: authors and year.
        arxiv: number, empty if it has none.
        test: file in tests/ that holds it to what is published.
        study: folder in experiments/ where it was measured, empty if it was not.
    """

    system: str
    command: str
    paper: str
    arxiv: str
    test: str
    study: str

    def has(self, word: str) -> bool:
        """True if a word is in something that is said of it."""
        return any(word.lower() in value.lower() for value in vars(self).values())

    def row(self) -> str:
        """The row of a Markdown table."""
        paper = f"{self.paper}, {self.arxiv}" if self.arxiv else self.paper
        study = f"[{self.study}](../experiments/{self.study}/README.md)" if self.study else "–"
        command, test = self.command, self.test.removeprefix("tests/")
        return f"| {self.system} | `{command}` | {paper} | `{test}` | {study} |"

    def lines(self) -> str:
        """Three lines, of its paper, its command, and where it is held to it."""
        number = f", arXiv {self.arxiv}" if self.arxiv else ""
        study = f"experiments/{self.study}" if self.study else "no study"
        return (
            f"{self.system} ({self.paper}{number})\n"
            f"  hypernas {self.command}\n  {self.test} · {study}\n"
        )


def systems() -> list[System]:
    """All systems, in the order of the table."""
    with (configs() / "systems.csv").open(newline="", encoding="utf-8") as file:
        return [System(**row) for row in csv.DictReader(file)]


def markdown(chosen: Iterable[System]) -> str:
    """A table, a system a row."""
    head = "| system | `hypernas ...` | paper | test | study |\n|---|---|---|---|---|\n"
    return head + "".join(f"{one.row()}\n" for one in chosen)


def described(arguments: Sequence[str]) -> str:
    """The text of `hypernas describe`.

    Raises:
        ValueError: if an option is unknown, or no system has all words.
    """
    if {"--help", "-h"} & {*arguments}:
        return _ABOUT
    words = [argument for argument in arguments if not argument.startswith("-")]
    if unknown := [a for a in arguments if a.startswith("-") and a not in _OPTIONS]:
        raise ValueError(f"hypernas describe has no option {unknown[0]}, expected {_OPTIONS[0]}.")
    chosen = [one for one in systems() if all(one.has(word) for word in words)]
    if not chosen:
        told = " and ".join(repr(word) for word in words)
        raise ValueError(
            f"no system has {told} in its name, settings, paper, test or study: hypernas describe lists all."
        )
    if "--markdown" in arguments:
        return markdown(chosen)
    return "\n".join(one.lines() for one in chosen)
