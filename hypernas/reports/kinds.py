"""Kinds of results, told apart by their columns."""

import importlib.util

from hypernas.reports import continual, csv_file, curve, plain, ratios
from hypernas.reports.gap import section as gap
from hypernas.reports.section import Section
from hypernas.reports.study import Study

OWN = "section.py"
_KINDS = (gap, curve, continual, ratios, plain)  # the first of which the results have all COLUMNS


def section_of(study: Study, *, trust: bool = False) -> Section:
    """The section of a study, by what kind its columns say it is.

    A study of no such kind says itself what its results come to: by a file `section.py` beside them,
    whose function `section` is given the study.

    Args:
        trust: run that file; results may come from anyone, so it is not run unasked.

    Raises:
        ValueError: if a file of the study is broken, naming file, line and column, or there is code
            that may not be run.
    """
    own = study.beside(OWN)
    if own is None:
        columns = csv_file.columns(study.path)
        return next(kind for kind in _KINDS if set(columns) >= kind.COLUMNS).section(study)
    if not trust:
        raise ValueError(
            f"{own} is code that makes the tables of this study: read it, and give --trust to run it."
        )
    spec = importlib.util.spec_from_file_location(f"section_of_{study.name}", own)
    if spec is None or spec.loader is None:
        raise ValueError(f"{own} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.section(study)
