"""Parts of a search space by the size of subnets."""

import bisect

import torch

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.cache import Cache
from hypernas.subnet.skeleton import build_skeleton

_DRAWN = 1000  # architectures that set the bounds, where the space has more
_REMEMBERED = 10_000  # sizes


class SizeParts:
    """Parts of a space by number of parameters, with about as many architectures each, the smallest first.

    Bounds are quantiles of the sizes of all architectures, or of a thousand random ones and the two ends: the same ones
    for the same space.

    Args:
        num: of parts.

    Attributes:
        bounds: sizes at which the next part begins, ascending.
        members: of each part those that set the bounds, ascending by size.

    Raises:
        ValueError: if the space has fewer sizes than there are parts.
    """

    def __init__(self, space: SearchSpace, num: int) -> None:
        self.space, self.num = space, num
        self._sizes: Cache[int] = Cache(_REMEMBERED)
        rng = torch.Generator().manual_seed(0)
        if space.size <= _DRAWN:
            some = list(space.enumerate())
        else:
            drawn = [space.sample(rng) for _ in range(_DRAWN)]
            some = list(dict.fromkeys([space.smallest(), *drawn, space.largest()]))
        ordered = sorted(some, key=self.size)
        sizes = [self.size(architecture) for architecture in ordered]
        self.bounds = [sizes[i * len(sizes) // num] for i in range(1, num)]
        if len({sizes[0], *self.bounds}) < num:
            raise ValueError(f"{len(set(sizes))} sizes of subnets cannot make {num} parts.")
        self.members: list[list[Architecture]] = [[] for _ in range(num)]
        for architecture in ordered:
            self.members[self(architecture)].append(architecture)

    def size(self, architecture: Architecture) -> int:
        """The number of parameters of a subnet."""
        return self._sizes.get(architecture, lambda: self._counted(architecture))

    def _counted(self, architecture: Architecture) -> int:
        return sum(p.numel() for p in build_skeleton(self.space, architecture).parameters())

    def __call__(self, architecture: Architecture) -> int:
        """The part of an architecture, 0 to `num` - 1."""
        return bisect.bisect_right(self.bounds, self.size(architecture))
