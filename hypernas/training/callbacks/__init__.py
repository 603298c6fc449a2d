"""What watches a training run. TensorBoard's is in `hypernas.training.callbacks.tensorboard`."""

from hypernas.training.callbacks.console import Console
from hypernas.training.callbacks.json_lines import JsonLines
from hypernas.training.callbacks.monitor import Monitor, Subnets, mean_over_subnets

__all__ = ["Console", "JsonLines", "Monitor", "Subnets", "mean_over_subnets"]
