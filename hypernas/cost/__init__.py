"""Costs of architectures, and of training on several ranks."""

from hypernas.cost.cost import Cost
from hypernas.cost.count import Count, Flops, Memory, Parameters
from hypernas.cost.counting import counting
from hypernas.cost.flops import flops, num_parameters, subnet_flops
from hypernas.cost.memory import peak_memory
from hypernas.cost.traffic import (
    all_reduce_bytes,
    all_reduce_seconds,
    delivery_bytes,
    training_bytes,
)

__all__ = [
    "Cost",
    "Count",
    "Flops",
    "Memory",
    "Parameters",
    "all_reduce_bytes",
    "all_reduce_seconds",
    "counting",
    "delivery_bytes",
    "flops",
    "num_parameters",
    "peak_memory",
    "subnet_flops",
    "training_bytes",
]
