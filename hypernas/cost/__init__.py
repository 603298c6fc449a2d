"""Costs of architectures, and of training on several ranks."""

from hypernas.cost.counting import counting
from hypernas.cost.flops import flops, num_parameters
from hypernas.cost.traffic import (
    all_reduce_bytes,
    all_reduce_seconds,
    delivery_bytes,
    training_bytes,
)

__all__ = [
    "all_reduce_bytes",
    "all_reduce_seconds",
    "counting",
    "delivery_bytes",
    "flops",
    "num_parameters",
    "training_bytes",
]
