"""What an architecture costs."""

from hypernas.cost.flops import flops, num_parameters

__all__ = ["flops", "num_parameters"]
