"""Subnets as files that need no hypernas."""

from hypernas.exports.file import SUFFIXES, Export, export_file, refuse
from hypernas.exports.format import ExportError

__all__ = ["SUFFIXES", "Export", "ExportError", "export_file", "refuse"]
