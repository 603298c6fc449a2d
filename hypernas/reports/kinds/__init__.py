"""Kinds of results: one file each."""

import importlib.util

from hypernas.reports import csv_file
from hypernas.reports.kinds.curve import Curve
from hypernas.reports.kinds.gap import Gap
from hypernas.reports.kinds.kind import Kind
from hypernas.reports.kinds.plain import Plain
from hypernas.reports.kinds.ratios import Ratios
from hypernas.reports.section import Section
from hypernas.reports.study import Study

OWN = "section.py"
KINDS: tuple[Kind, ...] = (Gap(), Curve(), Ratios(), Plain())  # the first that fits

__all__ = ["KINDS", "OWN", "Kind", "section_of"]


def section_of(study: Study, *, trust: bool = False) -> Section:
    """The section of a study, by what kind its columns say it is.

    A study of no such kind says itself what its results come to: by a file `section.py` beside them,
    whose function `section` is given the study.

    Args:
        trust: run that file; results may come from anyone, so it is not run unasked.

    Raises:
        ValueError: if a file of the study is broken, or there is code that may not be run.
    """
    own = study.beside(OWN)
    if own is not None:
        if not trust:
            raise ValueError(
                f"{own} is code that makes the tables of this study: read it, and give --trust to run it."
            )
        spec = importlib.util.spec_from_file_location(f"section_of_{study.name}", own)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.section(study)
    columns = csv_file.columns(study.path)
    return next(kind for kind in KINDS if kind.fits(columns)).section(study)
