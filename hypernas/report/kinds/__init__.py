"""Kinds of results: one file each."""

from hypernas.report import csv_file
from hypernas.report.kinds.curve import Curve
from hypernas.report.kinds.gap import Gap
from hypernas.report.kinds.kind import Kind
from hypernas.report.kinds.plain import Plain
from hypernas.report.kinds.ratios import Ratios
from hypernas.report.section import Section
from hypernas.report.study import Study

KINDS: tuple[Kind, ...] = (Gap(), Curve(), Ratios(), Plain())  # the first that fits

__all__ = ["KINDS", "Kind", "section_of"]


def section_of(study: Study) -> Section:
    """The section of a study, by what kind its columns say it is.

    Raises:
        ValueError: if a file of the study is broken.
    """
    columns = csv_file.columns(study.path)
    return next(kind for kind in KINDS if kind.fits(columns)).section(study)
