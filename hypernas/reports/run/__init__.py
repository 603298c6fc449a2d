"""Runs of hypernas train: curves, and the gates of the trained generator."""

from hypernas.reports.run.folder import Run, is_run, read_run
from hypernas.reports.run.section import section_of

__all__ = ["Run", "is_run", "read_run", "section_of"]
