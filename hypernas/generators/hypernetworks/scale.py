"""Networks whose outputs start at given sizes, however they are built."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from hypernas.generators.hypernetworks.network import WeightNetwork

_LEAST = 0.01  # deviation at the start of what would never leave zero


def starting_deviation(wanted: float) -> float:
    """The deviation that weights start with where some is wanted: what should start at zero needs a little."""
    return max(wanted, _LEAST)


class ScaledNetwork(WeightNetwork):
    """A network, and a fixed scale for each tensor that it writes.

    The scales make the tensors start with given deviations, in the root mean square over architectures. Networks that
    write several tensors by one last layer could not be initialised otherwise.

    Args:
        shapes: parameter name -> largest shape.
    """

    scales: Tensor
    _sizes: Tensor

    def __init__(self, shapes: Mapping[str, torch.Size]) -> None:
        super().__init__()
        sizes = torch.tensor([shape.numel() for shape in shapes.values()])
        self._names = list(shapes)
        self.register_buffer("scales", torch.ones(len(sizes)))
        self.register_buffer("_sizes", sizes, persistent=False)

    @abstractmethod
    def write(
        self,
        inputs: Tensor,  # shape: (E,)
    ) -> Tensor:  # shape: (N,), N weights in all
        """The weights before they are scaled."""

    def forward(self, inputs: Tensor) -> Tensor:
        written = self.write(inputs)
        return written * self.scales.repeat_interleave(self._sizes, output_size=len(written))

    @torch.no_grad()
    def written(
        self,
        samples: Tensor,  # shape: (samples, E)
    ) -> Tensor:  # shape: (tensors,)
        """The root mean square over inputs of each tensor before it is scaled."""
        sizes = self._sizes.tolist()
        squares = torch.zeros(len(sizes))
        for sample in samples:
            parts = self.write(sample).split(sizes)
            squares += torch.stack([part.square().mean() for part in parts]) / len(samples)
        return squares.sqrt()

    def scale(
        self,
        written: Tensor,  # shape: (tensors,)
        deviations: Mapping[str, float],
    ) -> None:
        """Fix the scales such that what is written by now has these deviations, by parameter name."""
        wanted = torch.tensor([starting_deviation(deviations[name]) for name in self._names])
        self.scales.copy_(torch.where(written > 0, wanted / written, torch.ones(len(wanted))))
