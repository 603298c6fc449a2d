"""Traces: the layers that an interval met."""

from typing import NamedTuple

from torch import Tensor

from hypernas.certification.bounds import Bounds


class Affine(NamedTuple):
    """A linear layer or convolution on its way.

    Attributes:
        name: of the function.
        inputs: that it read.
        weight, bias: of the layer.
        added: True if a sum of two intervals came to it, if through activations or norms.
    """

    name: str
    inputs: Bounds
    weight: Tensor
    bias: Tensor | None
    added: bool


class Trace:
    """The layers that all intervals of one input met, in order.

    Attributes:
        inputs: the input's bounds.
        activations: what went into each ReLU.
        affine: linear layers and convolutions.
        written: place in memory of values -> how often intervals were written into it.
    """

    def __init__(self, inputs: Bounds) -> None:
        self.inputs = inputs
        self.activations: list[Bounds] = []
        self.affine: list[Affine] = []
        self.written: dict[int, int] = {}
