"""Objectives: losses that subnets are trained with, and measures of their predictions."""

from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.distillation import InPlaceDistillation
from hypernas.objectives.objective import Objective, assess

__all__ = ["CrossEntropy", "InPlaceDistillation", "Objective", "assess"]
