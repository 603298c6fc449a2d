"""The place of one tensor of the largest network inside those of subnets."""

from collections.abc import Hashable

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from hypernas.slicing import Layout, Slice, slice_of
from hypernas.slicing.fused import cut_blocks, grouping, ruling_layout
from hypernas.slicing.layout import owners
from hypernas.space.architecture import Architecture
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.cache import Cache


class Placement:
    """Slices of a parameter, or of a norm's statistic, remembered by all that decides them.

    Subnets whose tensor is of one shape, with the same groups or factors, have one and the same `Slice`.

    Args:
        name: of the tensor.
        home: the largest architecture that has it, and its module.
        layout: as it is given.
        doubted: refuse what seems to be fused, which shapes alone do not decide.
        known: the memory, which placements of other names may share.
    """

    def __init__(
        self,
        name: str,
        home: tuple[Architecture, nn.Module],
        *,
        layout: Layout | str | None,
        doubted: bool,
        known: Cache[Slice],
    ) -> None:
        self.name, self._layout, self._doubted, self._known = name, layout, doubted, known
        self._architecture, self._large = home
        self._ruling = ruling_layout(self._large, name, layout)

    def __call__(self, architecture: Architecture, small: Anatomy, shape: torch.Size) -> Slice:
        """The slice of a subnet's tensor of a shape.

        Raises:
            ValueError: as `slice_of`, or if the tensor seems to be fused where that is doubted.
        """
        key = self.name, shape, self._deciding(architecture, small, shape)
        found = self._known.find(key)
        if found is None:
            both = self._architecture, architecture
            found = self._known.get(
                key,
                lambda: slice_of(
                    self._large, small.module, self.name, self._layout, architectures=both
                ),
            )
        if self._doubted and (reason := cut_blocks(self._large, small.module, self.name)):
            raise ValueError(reason)
        return found

    def _deciding(self, architecture: Architecture, small: Anatomy, shape: torch.Size) -> Hashable:
        """All that decides a slice besides the shape: groups of a convolution, or factors of a layout."""
        if self._ruling is not None:
            sizes = self._ruling.factors(self.name, tuple(shape), small.module, architecture)
            return tuple(map(tuple, sizes))
        owner = small.holders[self.name]
        if isinstance(owner, ParametrizationList):
            owner = next(owners(small.module, self.name))
        return grouping(owner)
