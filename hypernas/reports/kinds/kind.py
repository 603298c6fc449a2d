"""Kinds of results, told apart by their columns."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from hypernas.reports.section import Section
from hypernas.reports.study import Study


class Kind(ABC):
    """Makes a section of a study whose results have certain columns."""

    @abstractmethod
    def fits(self, columns: Sequence[str]) -> bool:
        """Whether results with these columns are of this kind."""

    @abstractmethod
    def section(self, study: Study) -> Section:
        """The tables and figures of a study.

        Raises:
            ValueError: if a file of the study is broken, naming file, line and column.
        """
