"""The page: one HTML file that needs nothing else."""

from hypernas.reports.page.document import document

__all__ = ["document"]
