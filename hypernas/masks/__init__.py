"""Masks: which entries of one bank a task or a condition uses, and which of them it may train."""

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
    "Masked",
    "Ownership",
    "Packed",
    "Supermask",
    "TaskTensors",
    "infer_task",
    "make_signed",
    "neighbour_accuracy",
    "num_kept",
    "top",
    "training_only",
    "transferred",
]
