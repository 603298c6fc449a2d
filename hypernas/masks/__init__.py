"""Masks: which entries of one bank a task or a condition uses, and which of them it may train; gates that agree."""

from hypernas.masks.consensus.decision import Decision, decide
from hypernas.masks.consensus.frozen import frozen
from hypernas.masks.consensus.gated import GatedNetwork, GatedOutputs
from hypernas.masks.consensus.objective import Consensus, excess, polarization
from hypernas.masks.consensus.space import gated
from hypernas.masks.exclusive import training_only
from hypernas.masks.inference import infer_task
from hypernas.masks.masked import Masked, make_signed
from hypernas.masks.ownership import Ownership
from hypernas.masks.packing import Packed
from hypernas.masks.supermask import Supermask
from hypernas.masks.task_tensors import TaskTensors
from hypernas.masks.top import num_kept, top
from hypernas.masks.transfer import neighbour_accuracy, transferred

__all__ = [
    "Consensus",
    "Decision",
    "GatedNetwork",
    "GatedOutputs",
    "Masked",
    "Ownership",
    "Packed",
    "Supermask",
    "TaskTensors",
    "decide",
    "excess",
    "frozen",
    "gated",
    "infer_task",
    "make_signed",
    "neighbour_accuracy",
    "num_kept",
    "polarization",
    "top",
    "training_only",
    "transferred",
]
