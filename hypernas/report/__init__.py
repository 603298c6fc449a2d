"""Reports: tables in Markdown files, figures, and a page, made of studies and runs."""

from hypernas.report.kinds import KINDS, Kind, section_of
from hypernas.report.markdown import Place, refresh
from hypernas.report.page import document
from hypernas.report.run import Run, is_run, read_run
from hypernas.report.run import section_of as section_of_runs
from hypernas.report.section import Part, Section
from hypernas.report.study import Study, open_study

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
