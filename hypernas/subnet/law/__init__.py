"""The law of slices: what proves that a subnet's weights are the right ones, and finds the layouts."""

from hypernas.subnet.law.enforcement import caution, enforce
from hypernas.subnet.law.examination import Examination, check, every_choice, examine, few
from hypernas.subnet.law.judge import Probe, judge
from hypernas.subnet.law.verdict import Verdict, written

__all__ = [
    "Examination",
    "Probe",
    "Verdict",
    "caution",
    "check",
    "enforce",
    "every_choice",
    "examine",
    "few",
    "judge",
    "written",
]
