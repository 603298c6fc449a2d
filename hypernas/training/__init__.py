"""Training one generator over a search space."""

from hypernas.training.divergence import Diverged
from hypernas.training.memory import memory_of
from hypernas.training.teacher import check_teacher
from hypernas.training.training import Training

__all__ = ["Diverged", "Training", "check_teacher", "memory_of"]
