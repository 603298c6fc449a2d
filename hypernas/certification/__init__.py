"""Certified training: bounds of what a module makes of every input in a box."""

from hypernas.certification.attack import attacked
from hypernas.certification.bounds import Bounds
from hypernas.certification.initialization import ibp
from hypernas.certification.interval import interval
from hypernas.certification.objective import Certified
from hypernas.certification.rules import Unbounded
from hypernas.certification.specification import margins

__all__ = [
    "Bounds",
    "Certified",
    "Unbounded",
    "attacked",
    "ibp",
    "interval",
    "margins",
]
