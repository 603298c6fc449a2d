"""Block structure of a growth: the parts of a large tensor, each from a small network.

    two members             three members, of unequal widths       one member, and channels of none

    [ W0  W2 ]              [ W0  .    .  ]                         [ W0  . ]
    [ W3  W1 ]              [ .   W1   .  ]                         [ .   . ]
                            [ .   .    W2 ]

Axes that are as long in the members as in the large network (kernels, image channels, classes) are
not cut: a first layer is a column of blocks, a classifier a row, a vector a chain. Fused axes are
cut in their factors, as the space's layouts tell them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypernas.growth.network import Factors, flat
from hypernas.slicing import Slice

Run = tuple[int, int]  # from the first index to the one after the last


@dataclass(frozen=True)
class Block:
    """A part of a large tensor, and the small tensor that it is made from.

    Attributes:
        place: a run of each factor of the large tensor's axes.
        member: whose tensor it is made from.
        name: of that tensor.
        taken: which part of that tensor.
        own: it is the member's own tensor, whole and in its place. Others are new.
        intrudes: through it, a new block, outputs that a member brought read something else.
        newborn: its outputs are those of a layer that their member lacks.
    """

    place: tuple[Run, ...]
    member: int
    name: str
    taken: Slice
    own: bool = False
    intrudes: bool = False
    newborn: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(stop - start for start, stop in self.place)


@dataclass(frozen=True)
class Grid:
    """A large tensor as blocks.

    Attributes:
        factors: of its axes.
        blocks: what it is made of; those of a tensor that is not cut all have the same place, and
            are added up.
    """

    factors: Factors
    blocks: tuple[Block, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(math.prod(axis) for axis in self.factors)

    @property
    def cut(self) -> bool:
        """True if some axis is."""
        return len({block.place for block in self.blocks}) > 1

    def assemble(self, parts: Sequence[Tensor]) -> Tensor:
        """The tensor whose blocks, in their order, are these."""
        places = [block.place for block in self.blocks]
        return _Assembled.apply(self.factors, places, *parts)


class _Assembled(torch.autograd.Function):
    """Blocks at their places; a gradient goes back without a copy of the whole for each block."""

    @staticmethod
    def forward(factors: Factors, places: list[tuple[Run, ...]], *parts: Tensor) -> Tensor:
        whole = parts[0].new_zeros(flat(factors))
        for place, part in zip(places, parts, strict=True):
            where = whole[_index(place)]
            where += part.reshape(where.shape)
        return whole.view([math.prod(axis) for axis in factors])

    @staticmethod
    def setup_context(ctx, inputs, output: Tensor) -> None:
        ctx.factors, ctx.places, *parts = inputs
        ctx.shapes = [part.shape for part in parts]

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = grad_outputs
        whole = gradient.reshape(flat(ctx.factors))
        pairs = zip(ctx.places, ctx.shapes, strict=True)
        return None, None, *(whole[_index(p)].reshape(shape) for p, shape in pairs)


def _index(place: Sequence[Run]) -> tuple[slice, ...]:
    return tuple(slice(*run) for run in place)
