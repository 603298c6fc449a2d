"""Callbacks of training; those that need a package of their own are in files of its name.

TensorBoard's is in `hypernas.training.callbacks.tensorboard`, likewise `wandb` and `mlflow`.
"""

from hypernas.training.callbacks.average import Average, load_average
from hypernas.training.callbacks.checkpoints import Checkpoints
from hypernas.training.callbacks.console import Console
from hypernas.training.callbacks.early_stopping import EarlyStopping
from hypernas.training.callbacks.json_lines import JsonLines
from hypernas.training.callbacks.skip import Skip
from hypernas.training.callbacks.split import Split
from hypernas.training.callbacks.validation import Validation

__all__ = [
    "Average",
    "Checkpoints",
    "Console",
    "EarlyStopping",
    "JsonLines",
    "Skip",
    "Split",
    "Validation",
    "load_average",
]
