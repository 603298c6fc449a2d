"""Objectives: losses that subnets are trained with, and measures of their predictions."""

from hypernas.objectives.alpha_divergence import AlphaDivergence
from hypernas.objectives.assessment import Moments, assess, moments
from hypernas.objectives.by_example import ByExample
from hypernas.objectives.cosine import Cosine
from hypernas.objectives.counted import Counted
from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.distillation import InPlaceDistillation
from hypernas.objectives.frozen_largest import FrozenLargest
from hypernas.objectives.objective import Objective
from hypernas.objectives.own_loss import OwnLoss
from hypernas.objectives.passing import Passing
from hypernas.objectives.taught import Taught, teacher_of
from hypernas.objectives.teacher_logits import TeacherLogits
from hypernas.objectives.teacher_relation_error import TeacherRelationError
from hypernas.objectives.teacher_relations import TeacherRelations
from hypernas.objectives.teacher_similarities import TeacherSimilarities

__all__ = [
    "AlphaDivergence",
    "ByExample",
    "Cosine",
    "Counted",
    "CrossEntropy",
    "FrozenLargest",
    "InPlaceDistillation",
    "Moments",
    "Objective",
    "OwnLoss",
    "Passing",
    "Taught",
    "TeacherLogits",
    "TeacherRelationError",
    "TeacherRelations",
    "TeacherSimilarities",
    "assess",
    "moments",
    "teacher_of",
]
