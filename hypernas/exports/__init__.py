"""Subnets as files that need no hypernas."""

from hypernas.exports.file import FORMATS, Export, ExportError, export_file, refuse

__all__ = ["FORMATS", "Export", "ExportError", "export_file", "refuse"]
