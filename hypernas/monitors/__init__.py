"""What watches a training run. TensorBoard's is in `hypernas.monitors.tensorboard`."""

from hypernas.monitors.console import Console
from hypernas.monitors.json_lines import JsonLines
from hypernas.monitors.monitor import Monitor, Subnets, mean_over_subnets

__all__ = ["Console", "JsonLines", "Monitor", "Subnets", "mean_over_subnets"]
