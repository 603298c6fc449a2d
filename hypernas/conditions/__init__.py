"""Conditions: what a generator reads of a batch, beside the architecture."""

from hypernas.conditions.batch_statistics import BatchStatistics
from hypernas.conditions.concatenation import Concatenation
from hypernas.conditions.condition import Condition
from hypernas.conditions.draw import Drawn, drawn
from hypernas.conditions.input_column import InputColumn
from hypernas.conditions.noise import Noise

__all__ = [
    "BatchStatistics",
    "Concatenation",
    "Condition",
    "Drawn",
    "InputColumn",
    "Noise",
    "drawn",
]
