"""The outputs that a written subnet is compared with: those of its generator, on the CPU."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hypernas.generators import Generator
from hypernas.generators.mode import evaluating
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.subnet import Subnet


class Reference:
    """The outputs of `generator.call` on the CPU, to which a copy moves where that is elsewhere.

    Args:
        statistics: of batch norms; None for the generator's own.
    """

    def __init__(
        self, generator: Generator, subnet: Subnet, statistics: Mapping[str, Tensor] | None
    ) -> None:
        if generator.device.type != "cpu":
            generator = copy.deepcopy(generator, {id(generator.space): generator.space}).cpu()
            subnet = generator.subnet(subnet)
        self._generator, self._subnet = generator, subnet
        self._statistics = (
            None if statistics is None else {name: x.cpu() for name, x in statistics.items()}
        )

    @property
    def dtype(self) -> torch.dtype:
        """That of the weights."""
        return self._generator.dtype

    @torch.no_grad()
    def outputs(self, arguments: Arguments) -> Any:
        """The outputs in evaluation mode."""
        with evaluating(self._generator):
            return self._generator.call(self._subnet, arguments, statistics=self._statistics)
