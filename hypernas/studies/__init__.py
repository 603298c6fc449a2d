"""Comparing generators at equal compute, against stand-alone training."""

from hypernas.studies.cell import Cell, run_cell
from hypernas.studies.composer import Composer, Nested
from hypernas.studies.memory import measure_memory
from hypernas.studies.step_cost import measure_steps
from hypernas.studies.study import study

__all__ = [
    "Cell",
    "Composer",
    "Nested",
    "measure_memory",
    "measure_steps",
    "run_cell",
    "study",
]
