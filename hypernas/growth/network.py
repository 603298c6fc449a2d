"""A network to grow from or to: the shapes of one architecture."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvNd

from hypernas.growth.subspace import subspace
from hypernas.slicing import Layout, layout_of, spatial_axes
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import generated_shapes, skeleton

_STACKED = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)

Factors = tuple[tuple[int, ...], ...]  # of each axis of a tensor


def flat(factors: Factors) -> tuple[int, ...]:
    """The sizes of the factors, axis after axis."""
    return tuple(size for axis in factors for size in axis)


class Network:
    """The tensors of one architecture, and what their axes are made of.

    Args:
        space: the search space.
        architecture: of the space; a mapping, "largest" or "smallest".

    Attributes:
        space: of this architecture alone.
        module: its skeleton.
        weights, statistics: name -> factors of each axis, of parameters and of norms' statistics.
    """

    def __init__(self, space: SearchSpace, architecture: Mapping[str, Any] | str) -> None:
        self.space = subspace(space, architecture)
        self.supernet = Supernet(self.space)
        self.architecture: Architecture = self.space.largest()
        self.module = skeleton(build_seeded(self.space, self.architecture))
        self.weights = {name: self.supernet.factors(name) for name in generated_shapes(self.module)}
        self.statistics = {n: self.supernet.factors(n) for n in norm_statistics(self.module)}

    @cached_property
    def tied(self) -> list[str]:
        """Parameters that several modules hold."""
        every = list(self.module.named_parameters(remove_duplicate=False))
        held = [id(parameter) for _, parameter in every]
        return [n for n, p in every if held.count(id(p)) > 1 and n in self.weights]

    def owner(self, name: str) -> nn.Module:
        """The module that holds a tensor."""
        return self.module.get_submodule(name.rpartition(".")[0])

    def linear(self, name: str) -> bool:
        """True if a tensor is of a linear layer or a convolution."""
        return isinstance(self.owner(name), nn.Linear | _ConvNd)

    def output_axis(self, name: str) -> int:
        """The axis of a tensor that runs over what its module puts out."""
        turned = getattr(self.owner(name), "transposed", False) and name.endswith("weight")
        return 1 if turned else 0

    def input_axis(self, name: str) -> int | None:
        """The axis of a matrix that runs over what its module reads; None where there is none.

        Known are the layers of torch that multiply by a matrix; an embedding, and a bare parameter
        of a user's module, count as read from nothing.
        """
        if len(self.weights[name]) < 2:
            return None
        known = self.linear(name) or isinstance(self.owner(name), _STACKED)
        return 1 - self.output_axis(name) if known else None

    def centred(self, name: str) -> set[int]:
        """Those of a tensor's factors, counted over all axes, that run over space."""
        factors = self.weights[name] if name in self.weights else self.statistics[name]
        layout = layout_of(name, self.space.layouts)
        spatial = spatial_axes(self.owner(name), name)
        found = [axis in spatial and len(own) == 1 for axis, own in enumerate(factors) for _ in own]
        if isinstance(layout, Layout) and layout.centre:
            named = [factor for (axis,) in layout.axes(name, len(factors)) for factor in axis]
            found = [f or n in layout.centre for f, n in zip(found, named, strict=True)]
        return {i for i, yes in enumerate(found) if yes}
