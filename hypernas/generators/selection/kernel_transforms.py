"""Learned transforms between the kernel sizes of a convolution."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from hypernas.generators.methods.patterns import matching
from hypernas.generators.selection.slicer import Slicer
from hypernas.slicing import Axis, Slice, centre, spatial_axes
from hypernas.subnet.subnet import Slices, Subnet
from hypernas.subnet.supernet import Supernet

# Legend: a chain of kernel sizes s_0 > s_1 > ... of a parameter, each a tuple of its spatial axes;
# n_j is the number of positions of s_j.


class KernelTransforms(Slicer):
    """A smaller kernel is a learned linear map of the centre of the next larger one.

        W_0 = B,    W_j = M_j centre_j(W_{j-1}),    M_j of shape (n_j, n_j)

    M_j starts as the identity, so that the smaller kernel is at first the centre, and is shared by
    all channels of the parameter. Cai et al., "Once-for-All", 2020 (arXiv 1908.09791), section 3.3,
    with 7 -> 5 -> 3. All else is sliced plainly, and channels are sliced before the maps.

    We deviate: there only depthwise convolutions have elastic kernels, here any convolution of any
    number of spatial axes; and the matrices do not decay.

    Args:
        supernet: the largest shapes.
        transforms: patterns of the parameters with maps, of those whose kernels vary; None for none.

    Raises:
        ValueError: if a pattern matches no varying kernel, or of two sizes of one kernel neither
            holds the other.
    """

    def __init__(self, supernet: Supernet, *, transforms: Sequence[str] | str | None = "*") -> None:
        super().__init__()
        found = _sizes(supernet)
        chosen = matching(found, transforms, purpose="transforms")
        self.chains = {name: _chain(name, found[name]) for name in chosen}
        self.matrices = nn.ParameterDict()
        for name, chain in self.chains.items():
            for size in chain[1:]:
                self.matrices[_key(name, size)] = nn.Parameter(torch.eye(math.prod(size)))

    def locate(self, subnet: Subnet) -> Slices:
        return subnet.derived(self, lambda: self._locate(subnet))

    def _locate(self, subnet: Subnet) -> Slices:
        weights = dict(subnet.slices.weights)
        for name, chain in self.chains.items():
            if name in weights and self._position(name, weights[name]) > 0:
                outer = weights[name].axes[: -len(chain[0])]
                weights[name] = Slice(outer + _centre(chain, 0, 1).axes)
        return Slices(weights, subnet.slices.statistics)

    def forward(self, weights: dict[str, Tensor], subnet: Subnet) -> dict[str, Tensor]:
        mapped = {}
        for name, chain in self.chains.items():
            if name in weights and (j := self._position(name, subnet.slices.weights[name])) > 0:
                flat = weights[name].flatten(-len(chain[0]))  # (o, i, n_1)
                weight = torch.matmul(flat, self.matrix(name, j).T)
                mapped[name] = weight.view(subnet.slices.weights[name].shape)
        return {**weights, **mapped}

    def matrix(self, name: str, j: int) -> Tensor:  # shape: (n_j, n_1)
        """M_j centre_j ... M_2 centre_2 M_1: from the centre of size s_1 to the kernel of s_j."""
        chain = self.chains[name]
        total = self.matrices[_key(name, chain[1])]
        for k in range(2, j + 1):
            rows = _centre(chain, k - 1, k)(total.T.unflatten(1, chain[k - 1])).flatten(1).T
            total = torch.matmul(self.matrices[_key(name, chain[k])], rows)
        return total

    def words(self, name: str) -> str:
        chain = self.chains.get(name, [])
        return "kernels " + " -> ".join("x".join(map(str, s)) for s in chain) if chain else ""

    def _position(self, name: str, where: Slice) -> int:
        """The position of a kernel in its chain."""
        chain = self.chains[name]
        size = where.shape[-len(chain[0]) :]
        if size not in chain:
            raise ValueError(
                f"{name}: a kernel of {size} came, but changing one choice of the largest "
                f"architecture gave only {chain}. Let kernel sizes depend on one choice each, or "
                f"leave this parameter out of transforms."
            )
        return chain.index(size)


def _sizes(supernet: Supernet) -> dict[str, set[tuple[int, ...]]]:
    """The convolution kernels that vary -> their sizes, found by varying one choice at a time."""
    space = supernet.space
    varied = [space.largest_with(name, v) for name, c in space.choices.items() for v in c.values]
    sizes: dict[str, set[tuple[int, ...]]] = {}
    for architecture in dict.fromkeys([*space.references(), *varied]):
        for name, where in supernet.slices(architecture).weights.items():
            axes = [where.axes[i] for i in spatial_axes(supernet.owner(name), name)]
            if axes and all(len(axis.large) == 1 for axis in axes):
                own = sizes.setdefault(name, {tuple(axis.large[0] for axis in axes)})
                own.add(tuple(axis.size for axis in axes))
    return {name: own for name, own in sizes.items() if len(own) > 1}


def _chain(name: str, sizes: set[tuple[int, ...]]) -> list[tuple[int, ...]]:
    chain = sorted(sizes, key=math.prod, reverse=True)
    for outer, inner in pairwise(chain):
        if any(i > o for o, i in zip(outer, inner, strict=True)):
            raise ValueError(
                f"{name}: of the kernel sizes {outer} and {inner} neither holds the other, so they "
                f"form no chain; leave this parameter out of transforms."
            )
    return chain


def _centre(chain: Sequence[tuple[int, ...]], outer: int, inner: int) -> Slice:
    """The centre of the largest kernel that is of one size, inside that of a larger size."""
    axes = []
    for largest, o, i in zip(chain[0], chain[outer], chain[inner], strict=True):
        start = centre(largest, i).start - centre(largest, o).start
        axes.append(Axis((o,), (slice(start, start + i),)))
    return Slice(tuple(axes))


def _key(name: str, size: tuple[int, ...]) -> str:
    """A key of torch's containers, which holds no dots."""
    return f"{name.replace('.', '/')}/{'x'.join(map(str, size))}"
