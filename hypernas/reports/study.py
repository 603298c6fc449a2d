"""A study: a CSV file of results, what stands beside it, and what its README says it asks."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hypernas.border import checked

RESULTS, README = "results.csv", "README.md"


@dataclass(frozen=True)
class Study:
    """Results, and where they are.

    Attributes:
        name: of the folder; of a file that is not `results.csv`, its own.
        path: the CSV file.
    """

    name: str
    path: Path

    @property
    def readme(self) -> Path:
        return self.path.parent / README

    def beside(self, name: str) -> Path | None:
        """A file of further results of the study, if it is there."""
        path = self.path.parent / name
        return path if self.path.name == RESULTS and path.is_file() else None

    @cached_property
    def title(self) -> str:
        """Heading of the README, or the name of the study."""
        found = re.search(r"^# +(.+)$", self._words, flags=re.MULTILINE)
        return found[1].strip() if found else self.name

    @cached_property
    def question(self) -> str:
        """The paragraph of the README that begins with **Question.**, if there is one; of links, the words."""
        found = re.search(r"^\*\*Question\.\*\*\s*(.+?)\n\s*\n", self._words + "\n\n", re.M | re.S)
        return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", " ".join(found[1].split())) if found else ""

    @cached_property
    def _words(self) -> str:
        path = self.beside(README)
        return path.read_text(encoding="utf-8") if path else ""


@checked
def open_study(path: Path) -> Study:
    """The study of a folder with results, or of a CSV file.

    Raises:
        FileNotFoundError: if the path is neither.
    """
    if path.is_dir():
        path = path / RESULTS
        if not path.is_file():
            raise FileNotFoundError(
                f"{path.parent} is neither the folder of a study (it has no {RESULTS}) nor that of "
                f"a run of hypernas train (it has no metrics.jsonl)."
            )
    if not path.is_file() or path.suffix != ".csv":
        raise FileNotFoundError(
            f"{path}: expected the folder of a study, a CSV file, or the folder of a run."
        )
    return Study(path.stem if path.name != RESULTS else path.parent.resolve().name, path)
