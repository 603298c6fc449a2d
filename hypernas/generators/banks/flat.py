"""A flat bank: layers of any shape read one vector of fixed length."""

import math
from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.generators.banks.bank import Bank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.generator import ParameterGroup
from hypernas.subnet.supernet import Supernet

Upsample = Literal["linear", "repeat", "block"]
_PARTS = 20  # a block's sides are so many parts of a layer's, or fewer


class FlatBank(Bank):
    """K candidates for each parameter, at offsets of one vector that all of them read.

    Plummer et al., "Neural Parameter Allocation Search", 2020, arXiv 2006.10598 (Shapeshifter
    Networks). A parameter's candidates stand side by side, so that they have no entry in common;
    each parameter starts where the one before ended, or at the end of the vector if it would not
    fit there, and then at its beginning. A parameter with more weights than the vector has entries
    reads all of it, stretched to its length.

    Args:
        supernet: the largest shapes.
        starts: the builder's initialisation; the vector starts normal, as large as it on average.
        num_entries: parameter name -> K; K copies of it fit into the vector, or K is 1.
        size: length of the vector.
        upsample: how a vector that is too short is stretched: by linear interpolation along it (ours), repeated, or as the
            authors do: its beginning is a "block", a matrix whose outputs and inputs are the largest number
            of twentieths of the layer's that fit, resized in two dimensions.
        seed: of the draws.

    Attributes:
        scales: parameter name -> how much larger than its candidates the builder makes it.

    Raises:
        ValueError: for an unknown `upsample`, or if not even a twentieth of a layer fits.
    """

    def __init__(
        self,
        supernet: Supernet,
        starts: Starts,
        *,
        num_entries: Mapping[str, int],
        size: int,
        upsample: Upsample,
        seed: int,
    ) -> None:
        super().__init__()
        if upsample not in get_args(Upsample):
            raise ValueError(f"upsample must be linear, repeat or block, got {upsample!r}.")
        self.num_entries, self.upsample = dict(num_entries), upsample
        self._shapes = {name: supernet.shapes[name] for name in num_entries}
        rng = torch.Generator().manual_seed(seed)
        weights = {name: math.prod(shape) for name, shape in self._shapes.items()}
        energy = sum(num * starts.rms(name) ** 2 for name, num in weights.items())
        rms = math.sqrt(energy / sum(weights.values()))
        self.vector = nn.Parameter(torch.randn(size, generator=rng) * rms)
        self._offsets: dict[str, int] = {}
        cursor = 0
        for name, num in weights.items():
            self._offsets[name] = max(0, min(cursor, size - num * num_entries[name]))
            cursor = self._offsets[name] + num * num_entries[name]
            cursor = 0 if cursor >= size else cursor
        self.scales = {name: starts.scale(name, self(name)) for name in num_entries}

    def forward(self, name: str) -> Tensor:  # shape: (K, *largest)
        shape, num, start = self._shapes[name], self.num_entries[name], self._offsets[name]
        weights, size = math.prod(shape), len(self.vector)
        if weights <= size:
            return self.vector[start : start + num * weights].view(num, *shape)
        if self.upsample == "repeat":
            return self.vector.repeat(math.ceil(weights / size))[:weights].view(1, *shape)
        if self.upsample == "block":
            return self._resized(name)
        stretched = F.interpolate(
            self.vector[None, None], size=weights, mode="linear", align_corners=True
        )
        return stretched.view(1, *shape)

    def _resized(self, name: str) -> Tensor:  # shape: (1, *largest)
        """The block at the beginning of the vector, resized bilinearly."""
        (outputs, inputs, *rest), size = self._shapes[name], len(self.vector)
        more = math.prod(rest)
        for part in range(_PARTS - 1, 0, -1):
            rows, columns = (round(side * part / _PARTS) for side in (outputs, inputs))
            if 0 < rows * columns * more <= size:
                break
        else:
            raise ValueError(
                f"{name} of the shape {tuple(self._shapes[name])} cannot be resized from {size} numbers: raise "
                f"max_parameters, or take upsample=linear."
            )
        block = self.vector[: rows * columns * more].view(1, 1, rows, columns * more)
        large = F.interpolate(block, (outputs, inputs * more), mode="bilinear", align_corners=False)
        return large.view(1, outputs, inputs, *rest)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup("flat bank", [self.vector], decay=True)]

    def words(self, name: str) -> str:
        many = f"{self.num_entries[name]} candidates from a flat bank of {len(self.vector):,}"
        return many + (", stretched" if math.prod(self._shapes[name]) > len(self.vector) else "")
