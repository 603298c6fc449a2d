"""Objectives: what loss a subnet is trained with, and what it is measured by."""

from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.distillation import InPlaceDistillation
from hypernas.objectives.objective import Objective, assess

__all__ = ["CrossEntropy", "InPlaceDistillation", "Objective", "assess"]
