"""Conditions: what a generator reads of a batch, beside the architecture."""

from hypernas.conditions.batch_statistics import BatchStatistics
from hypernas.conditions.condition import Condition
from hypernas.conditions.input_column import InputColumn

__all__ = ["BatchStatistics", "Condition", "InputColumn"]
