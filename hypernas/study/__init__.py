"""Comparing generators at equal compute, against stand-alone training."""

from hypernas.study.budget import Budget, step_flops
from hypernas.study.cell import Cell, run_cell
from hypernas.study.memory import measure_memory
from hypernas.study.step_cost import measure_steps

__all__ = ["Budget", "Cell", "measure_memory", "measure_steps", "run_cell", "step_flops"]
