"""Reports: tables in Markdown files, figures, and a page, made of studies and runs."""

from hypernas.reports.kinds import section_of
from hypernas.reports.page import page
from hypernas.reports.report import Report, report
from hypernas.reports.section import Missing, Part, Section
from hypernas.reports.study import Study, open_study

__all__ = [
    "Missing",
    "Part",
    "Report",
    "Section",
    "Study",
    "open_study",
    "page",
    "report",
    "section_of",
]
