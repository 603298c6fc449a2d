"""Continual learning: streams of tasks, and methods by which one generator learns them one after another."""

from hypernas.continual.course import Course, Learned, learn
from hypernas.continual.listed import listed
from hypernas.continual.matrix import Matrix
from hypernas.continual.method import Method, Phase, Stored
from hypernas.continual.methods.conditioned import Conditioned, TaskGenerator
from hypernas.continual.methods.ewc import EWC
from hypernas.continual.methods.exssnet import ExSSNeT
from hypernas.continual.methods.fine_tuning import FineTuning
from hypernas.continual.methods.joint import Joint
from hypernas.continual.methods.separate import Separate
from hypernas.continual.methods.ssnet import SSNeT
from hypernas.continual.methods.supsup import SupSup
from hypernas.continual.methods.synaptic_intelligence import SynapticIntelligence
from hypernas.continual.network import TaskNetwork
from hypernas.continual.permuted import Permuted
from hypernas.continual.rotated import Rotated
from hypernas.continual.split import Split
from hypernas.continual.tasks import Tasks

__all__ = [
    "EWC",
    "Conditioned",
    "Course",
    "ExSSNeT",
    "FineTuning",
    "Joint",
    "Learned",
    "Matrix",
    "Method",
    "Permuted",
    "Phase",
    "Rotated",
    "SSNeT",
    "Separate",
    "Split",
    "Stored",
    "SupSup",
    "SynapticIntelligence",
    "TaskGenerator",
    "TaskNetwork",
    "Tasks",
    "learn",
    "listed",
]
