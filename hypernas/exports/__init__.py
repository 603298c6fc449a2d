"""Subnets as files that need no hypernas."""

from hypernas.exports.file import SUFFIXES, Export, export_file, refuse
from hypernas.exports.format import ExportError
from hypernas.exports.translator import ExportedTranslator, export_translator, refuse_translator

__all__ = [
    "SUFFIXES",
    "Export",
    "ExportError",
    "ExportedTranslator",
    "export_file",
    "export_translator",
    "refuse",
    "refuse_translator",
]
