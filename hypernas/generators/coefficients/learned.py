"""Coefficients that do not read the architecture."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.generators.banks.bank import key
from hypernas.generators.coefficients.source import CoefficientSource
from hypernas.mixing import Coefficients


class Free(CoefficientSource):
    """One vector of coefficients for each parameter, the same for every architecture.

    Args:
        initial: parameter name -> coefficients at the start, shape (K,).
        learned: False holds them where they are.
    """

    def __init__(self, initial: Mapping[str, Tensor], *, learned: bool = True) -> None:
        super().__init__()
        self.learned = learned
        self.names = list(initial)
        self.vectors = nn.Module()
        for name, vector in initial.items():
            if learned:
                self.vectors.register_parameter(key(name), nn.Parameter(vector.clone()))
            else:
                self.vectors.register_buffer(key(name), vector.clone())

    def forward(self, features: Tensor) -> list[dict[str, Coefficients]]:
        own = {name: Coefficients(experts=getattr(self.vectors, key(name))) for name in self.names}
        return [own for _ in features]

    def words(self, name: str) -> str:
        if name not in self.names:
            return ""
        return "learned coefficients" if self.learned else "fixed coefficients"


class Soft(CoefficientSource):
    """One vector of logits for each parameter, the same for every architecture: its coefficients are their softmax.

    Args:
        initial: parameter name -> logits at the start, shape (K,).
        factors: parameter name -> what the softmax is multiplied by.
    """

    def __init__(self, initial: Mapping[str, Tensor], *, factors: Mapping[str, float]) -> None:
        super().__init__()
        self.names, self.factors = list(initial), dict(factors)
        self.vectors = nn.ParameterDict(
            {key(name): nn.Parameter(vector.clone()) for name, vector in initial.items()}
        )

    def logits(self, name: str) -> Tensor:  # shape: (K,)
        return self.vectors[key(name)]

    def forward(self, features: Tensor) -> list[dict[str, Coefficients]]:
        own = {
            name: Coefficients(experts=self.logits(name).softmax(0) * self.factors[name])
            for name in self.names
        }
        return [own for _ in features]

    def words(self, name: str) -> str:
        return "learned softmax" if name in self.names else ""


def orthogonal(
    sharing: Sequence[Sequence[str]],
    *,
    num_entries: Mapping[str, int],
    scales: Mapping[str, float],
    seed: int,
) -> dict[str, Tensor]:
    """Coefficients at the start, filled orthogonally across the parameters that share a bank.

    Args:
        sharing: the parameters whose coefficients are filled together, of equal K.
        num_entries: parameter name -> K.
        scales: parameter name -> length of its vector of coefficients.
        seed: of the draws.
    """
    rng = torch.Generator().manual_seed(seed)
    filled = {}
    for names in sharing:
        rows = evenly_spread(len(names), num_entries[names[0]], rng)
        filled |= {name: row * scales[name] for name, row in zip(names, rows, strict=True)}
    return filled


def evenly_spread(
    num: int, dim: int, rng: torch.Generator
) -> Tensor:  # shape: (num, dim), rows of length 1
    """Unit vectors as far apart as can be: orthogonal rows if num <= dim, else orthogonal columns.

    Savarese and Maire (2019, arXiv 1902.09701) fill coefficients by an orthogonal matrix, whose rows
    are shorter than 1, and of unequal lengths, where there are more rows than columns, and the
    mixed weights with them. Here the rows are a harmonic frame in random order, randomly rotated:
    its columns are as orthogonal, and every row has length 1.
    """
    if dim == 1:
        return torch.ones(num, 1)
    normal = torch.randn(dim, min(num, dim), generator=rng, dtype=torch.double)
    rotation = torch.linalg.qr(normal).Q
    if num <= dim:
        return rotation.T.to(torch.get_default_dtype())
    order = torch.randperm(num, generator=rng)
    angles = 2 * math.pi / num * order[:, None] * torch.arange(1, dim // 2 + 1)
    waves = [angles.double().cos(), angles.double().sin()]
    waves += [torch.full((num, 1), math.sqrt(0.5), dtype=torch.double)] * (dim % 2)
    rows = torch.cat(waves, 1) * math.sqrt(2 / dim) @ rotation
    return rows.to(torch.get_default_dtype())
