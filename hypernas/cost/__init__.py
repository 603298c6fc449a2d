"""What an architecture costs, and what ranks do."""

from hypernas.cost.counting import counting
from hypernas.cost.flops import flops, num_parameters
from hypernas.cost.traffic import all_reduce_seconds, training_bytes

__all__ = ["all_reduce_seconds", "counting", "flops", "num_parameters", "training_bytes"]
