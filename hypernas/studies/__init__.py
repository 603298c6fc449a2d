"""Comparing generators at equal compute, against stand-alone training."""

from hypernas.studies.budget import Budget, step_flops
from hypernas.studies.cell import Cell, run_cell
from hypernas.studies.memory import measure_memory
from hypernas.studies.step_cost import measure_steps

__all__ = ["Budget", "Cell", "measure_memory", "measure_steps", "run_cell", "step_flops"]
