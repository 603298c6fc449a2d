"""Costs that are counted on a module without weights."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import nn

from hypernas.cost.cost import Cost
from hypernas.cost.flops import flops, num_parameters
from hypernas.cost.memory import peak_memory
from hypernas.space.architecture import Architecture
from hypernas.space.search_space import SearchSpace
from hypernas.subnet.skeleton import build_skeleton


class Count(Cost):
    """Cost that is the same on every machine; each architecture is counted once.

    Args:
        example: inputs of a batch, as the modules of the space take them: see `Arguments`.
    """

    def __init__(self, space: SearchSpace, example: Any = None) -> None:
        self.space, self.example = space, example
        self._known: dict[Architecture, float] = {}

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return [self._once(self.space.architecture(a)) for a in architectures]

    def _once(self, architecture: Architecture) -> float:
        if architecture not in self._known:
            self._known[architecture] = self.count(build_skeleton(self.space, architecture))
        return self._known[architecture]

    @abstractmethod
    def count(self, module: nn.Module) -> float:
        """The cost of a module, whose generated parameters have no storage."""


class Parameters(Count):
    """Parameters of a subnet, tied ones once, whatever the example is."""

    name, unit = "parameters", ""

    def count(self, module: nn.Module) -> float:
        return num_parameters(module)


class Flops(Count):
    """Floating-point operations of a forward pass on the example: see `flops`."""

    name, unit = "flops", "FLOPs"

    def count(self, module: nn.Module) -> float:
        return flops(module, self.example)


class Memory(Count):
    """Peak activation memory of a forward pass on the example: see `peak_memory`."""

    name, unit = "memory", "bytes"

    def count(self, module: nn.Module) -> float:
        return peak_memory(module, self.example)
