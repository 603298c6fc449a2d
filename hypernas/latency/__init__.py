"""Latencies of subnets, measured on a device, and predicted from those of some."""

from hypernas.latency.backend import Backend, LatencyError
from hypernas.latency.decoding import Decoding
from hypernas.latency.latency import BusyWarning, Latency
from hypernas.latency.onnxruntime import OnnxRuntime
from hypernas.latency.prediction import Predicted
from hypernas.latency.torch import Torch
from hypernas.latency.turns import Rounds, Timing

__all__ = [
    "Backend",
    "BusyWarning",
    "Decoding",
    "Latency",
    "LatencyError",
    "OnnxRuntime",
    "Predicted",
    "Rounds",
    "Timing",
    "Torch",
]
