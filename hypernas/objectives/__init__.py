"""Objectives: losses that subnets are trained with, and measures of their predictions."""

from hypernas.objectives.counted import Counted
from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.distillation import InPlaceDistillation
from hypernas.objectives.objective import Objective, assess
from hypernas.objectives.own_loss import OwnLoss

__all__ = ["Counted", "CrossEntropy", "InPlaceDistillation", "Objective", "OwnLoss", "assess"]
