"""Candidates: equal parts of one vector, each of which becomes any layer."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.generators.banks.bank import Bank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.generator import ParameterGroup
from hypernas.subnet.supernet import Supernet


class CandidateBank(Bank):
    """K equal parts of one vector; of each part a parameter reads a matrix of its proportions, resized in two dimensions.

    Plummer et al., "Neural Parameter Allocation Search", 2020, arXiv 2006.10598, as their code makes the layers whose groups are
    learned: all of them of the same candidates, so that coefficients alone tell them apart.

    Args:
        supernet: the largest shapes.
        starts: the builder's initialisation; the vector starts normal, as large as it on average.
        names: of the parameters.
        num: K.
        size: length of the vector.
        seed: of the draws.

    Attributes:
        scales: parameter name -> how much larger than its candidates the builder makes it.

    Raises:
        ValueError: if a part is too short for one row of a parameter's proportions.
    """

    def __init__(
        self,
        supernet: Supernet,
        starts: Starts,
        *,
        names: Collection[str],
        num: int,
        size: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.num = num
        self._shapes = {name: supernet.shapes[name] for name in names}
        self._blocks = {name: self._block(name, size // num) for name in names}
        rng = torch.Generator().manual_seed(seed)
        weights = {name: math.prod(shape) for name, shape in self._shapes.items()}
        energy = sum(many * starts.rms(name) ** 2 for name, many in weights.items())
        self.vector = nn.Parameter(
            torch.randn(size // num * num, generator=rng)
            * math.sqrt(energy / sum(weights.values()))
        )
        self.scales = {name: starts.scale(name, self(name)) for name in names}

    def _block(self, name: str, size: int) -> tuple[int, int]:
        """Rows and columns of what a parameter reads of a candidate: as many rows as keep its proportions."""
        outputs, *rest = self._shapes[name]
        rows = math.isqrt(max(0, size * outputs // math.prod(rest)))
        if rows < 1:
            raise ValueError(
                f"{name} of the shape {tuple(self._shapes[name])} cannot be resized from {size} numbers: raise "
                f"max_parameters."
            )
        return rows, size // rows

    def forward(self, name: str) -> Tensor:  # shape: (K, *largest)
        (outputs, *rest), (rows, columns) = self._shapes[name], self._blocks[name]
        blocks = self.vector[: self.num * rows * columns].view(1, self.num, rows, columns)
        large = F.interpolate(
            blocks, (outputs, math.prod(rest)), mode="bilinear", align_corners=False
        )
        return large.view(self.num, outputs, *rest)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup("candidates", [self.vector], decay=True)]

    def words(self, name: str) -> str:
        return f"{self.num} candidates that all layers are resized from"
