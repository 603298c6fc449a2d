"""Inputs of a hypernetwork, made of an architecture."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.space import SearchSpace
from hypernas.space.encoding import Encoding, mip

_NUM_SAMPLES = 64


class NetworkInput:
    """Architecture -> a vector: its D features and a condition of C, or their magnitude-invariant encoding, twice as long.

    Args:
        encode: the cos/sin map of `hypernas.space.encoding.mip`; False leaves the features as they are.
        normalize: divide by √(D + C), so that the size does not grow with the number of features.
        condition_dim: C.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        encode: bool = True,
        normalize: bool = False,
        condition_dim: int = 0,
    ) -> None:
        self.space = space
        self.encode, self.normalize, self.condition_dim = encode, normalize, condition_dim
        self._encoding = Encoding(space)

    @property
    def dim(self) -> int:
        """E, the length of the vector."""
        return (self._encoding.dim + self.condition_dim) * (2 if self.encode else 1)

    def __call__(self, architecture: Mapping[str, Any]) -> Tensor:  # shape: (E,)
        """The vector of an architecture under a condition of zeros."""
        return self.of(nn.functional.pad(self._encoding(architecture), (0, self.condition_dim)))

    def of(
        self,
        features: Tensor,  # shape: (D + C,)
    ) -> Tensor:  # shape: (E,)
        """The vector of a subnet's features, its condition among them."""
        if self.encode:
            return mip(features, normalize=self.normalize)
        return features / math.sqrt(len(features)) if self.normalize else features

    def samples(self) -> Tensor:  # shape: (samples, E)
        """Those of the largest, the smallest and random architectures, drawn by choice; always the same ones."""
        rng = torch.Generator().manual_seed(0)
        drawn = [self.space.sample_choices(rng) for _ in range(_NUM_SAMPLES)]
        return torch.stack([self(a) for a in [self.space.largest(), self.space.smallest(), *drawn]])

    @property
    def size(self) -> float:
        """The norm of the vector, as a root mean square over architectures (1 if all are zero).

        With the encoding it is the same for every architecture: √(D + C), or 1 when normalised.
        """
        return self.samples().square().sum(1).mean().sqrt().item() or 1.0
