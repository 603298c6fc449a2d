"""Ready-made search spaces: functions of the data's shape that return a `SearchSpace`."""

from hypernas.spaces.convolutional import conv1d, conv2d
from hypernas.spaces.mlp import mlp

__all__ = ["conv1d", "conv2d", "mlp"]
