"""Atoms: kernels as combinations of small spatial patterns, by coefficients that layers share."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hypernas.generators.banks.bank import Bank, key
from hypernas.generators.banks.draws import Starts
from hypernas.generators.generator import ParameterGroup
from hypernas.subnet.supernet import Supernet

# Legend: m atoms, O output and I input channels of a layer's largest shape, k positions of its kernel,
# a x b blocks of channels.


class AtomBank(Bank):
    """W[o, i, :] = Σ_m A[o, i, m] ψ_m: each layer has atoms ψ of its own, and A is shared.

    Wang et al., "ACDC: Weight Sharing in Atom-Coefficient Decomposed Convolution", 2020, arXiv
    2009.02386, on the decomposition of Qiu et al., 2018, arXiv 1802.04145. A layer of fewer channels
    than A takes its leading block; one of more channels, where `group_dim` bounds A, is a grid of
    a x b blocks that all read A, each with atoms of its own. Atoms start normal and of equal norm,
    that at which the layer is as large as the builder makes it; A with deviation 1/√(I m).

    Args:
        supernet: the largest shapes.
        starts: the builder's initialisation.
        scopes: groups of kernels that share A.
        num_atoms: m, at most as many as the largest kernel of a scope has positions.
        group_dim: the most channels, in and out, that A has; None for those of its widest layer.
        seed: of the draws.
    """

    def __init__(
        self,
        supernet: Supernet,
        starts: Starts,
        *,
        scopes: Sequence[Sequence[str]],
        num_atoms: int,
        group_dim: int | None,
        seed: int,
    ) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.scopes = [list(names) for names in scopes]
        self._scope = {name: i for i, names in enumerate(self.scopes) for name in names}
        self._shapes = {name: supernet.shapes[name] for name in self._scope}
        self.coefficients = nn.ParameterList()  # of each scope, shape (O, I, m)
        self.atoms = nn.ParameterDict()  # of each kernel, shape (a, b, m, *kernel)
        for names in self.scopes:
            shapes = [self._shapes[name] for name in names]
            high, wide = (
                min(max(shape[axis] for shape in shapes), group_dim or math.inf) for axis in (0, 1)
            )
            num = min(num_atoms, max(math.prod(shape[2:]) for shape in shapes))
            shared = torch.randn(int(high), int(wide), num, generator=rng)
            self.coefficients.append(nn.Parameter(shared / math.sqrt(wide * num)))
            for name, (height, width, *kernel) in zip(names, shapes, strict=True):
                grid = math.ceil(height / high), math.ceil(width / wide)
                atoms = torch.randn(*grid, num, *kernel, generator=rng)
                norms = atoms.flatten(3).norm(dim=3)
                atoms /= norms.view(*norms.shape, *[1] * len(kernel))
                self.atoms[key(name)] = nn.Parameter(atoms)
                with torch.no_grad():
                    self.atoms[key(name)] *= starts.scale(name, self(name))

    def forward(self, name: str) -> Tensor:  # shape: (1, *largest)
        height, width, *kernel = self._shapes[name]
        shared = self.coefficients[self._scope[name]][:height, :width]
        atoms = self.atoms[key(name)]
        a, b = atoms.shape[:2]
        blocks = torch.einsum("oim,abmk->aobik", shared, atoms.flatten(3))
        whole = blocks.reshape(a * len(shared), b * shared.shape[1], -1)
        return whole[:height, :width].reshape(1, height, width, *kernel)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            ParameterGroup("shared coefficients", list(self.coefficients), decay=True),
            ParameterGroup("atoms", list(self.atoms.values()), decay=True),
        ]

    def words(self, name: str) -> str:
        shared = self.coefficients[self._scope[name]]
        sharers = len(self.scopes[self._scope[name]])
        return f"{shared.shape[2]} atoms, their coefficients shared by {sharers} kernels"
