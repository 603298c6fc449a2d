"""Reports: tables in Markdown files, figures, and a page, made of studies and runs."""

from hypernas.reports.kinds import KINDS, Kind, section_of
from hypernas.reports.markdown import Place, refresh
from hypernas.reports.page import document
from hypernas.reports.run import Run, is_run, read_run
from hypernas.reports.run import section_of as section_of_runs
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study, open_study

__all__ = [
    "KINDS",
    "Kind",
    "Part",
    "Place",
    "Run",
    "Section",
    "Study",
    "document",
    "is_run",
    "open_study",
    "read_run",
    "refresh",
    "section_of",
    "section_of_runs",
]
