"""Factors of axes that shrink: what a network's channels, heads and experts are in its tensors."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from hypernas.slicing import Slice
from hypernas.space import SearchSpace
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.supernet import Supernet


class Factor(NamedTuple):
    """One factor of one axis of a parameter, or of a norm's statistic.

    Attributes:
        name: of the tensor.
        axis: of the tensor.
        sizes: of all factors of the tensor, axis after axis.
        place: which of those.
    """

    name: str
    axis: int
    sizes: tuple[int, ...]
    place: int

    @property
    def size(self) -> int:
        return self.sizes[self.place]

    def permuted(
        self,
        tensor: Tensor,
        order: Tensor,  # shape: (size,)
    ) -> Tensor:
        """The tensor, of which entry i along this factor is what was entry `order[i]`."""
        picked = tensor.reshape(self.sizes).index_select(self.place, order.to(tensor.device))
        return picked.reshape(tensor.shape)

    def sums(self, tensor: Tensor) -> Tensor:  # shape: (size,)
        """Sums over all entries of the tensor at each place along this factor."""
        return tensor.reshape(self.sizes).movedim(self.place, 0).reshape(self.size, -1).sum(1)


class Shrinking(NamedTuple):
    """A factor that is smaller in some architectures.

    Attributes:
        sizes: in the largest architecture, and in each in which one choice is at another value.
    """

    factor: Factor
    sizes: tuple[int, ...]

    def in_blocks(self, unit: int) -> "Shrinking":
        """The same factor as one of blocks of `unit` entries, which stay together."""
        name, axis, sizes, place = self.factor
        split = (*sizes[:place], sizes[place] // unit, unit, *sizes[place + 1 :])
        return Shrinking(Factor(name, axis, split, place), tuple(n // unit for n in self.sizes))


def shrinking(space: SearchSpace, largest: nn.Module) -> list[Shrinking]:
    """The factors that shrink, in the order in which modules hold their tensors.

    Of a matrix the axis of inputs stands before that of outputs. Left out are factors of which not
    the first entries are taken (the middle of a kernel), and axes that are no product.

    Args:
        largest: the module, or its skeleton, of the largest architecture.
    """
    supernet = Supernet(space)
    varied = [
        space.largest_with(name, value)
        for name, choice in space.choices.items()
        for value in choice.values
    ]
    slices = [supernet.slices(architecture) for architecture in dict.fromkeys(varied)]
    taken = [{**found.weights, **found.statistics} for found in slices]
    weights, statistics = supernet.slices(space.largest())
    whole = {**weights, **statistics}
    found: list[Shrinking] = []
    for name in (name for name in _registered(largest) if name in whole):
        for factor, k in _factors(name, whole[name]):
            stops = _stops(factor, k, [own[name] for own in taken if name in own])
            if stops and min(stops) < factor.size:
                # where a layer is absent, its sizes are not the matter
                own_stops = iter(stops)
                sizes = (next(own_stops) if name in own else factor.size for own in taken)
                found.append(Shrinking(factor, (factor.size, *sizes)))
    return found


def _registered(module: nn.Module) -> Iterator[str]:
    """The names of parameters and norm statistics, module by module."""
    kept = {*(n for n, _ in module.named_parameters()), *norm_statistics(module)}
    for path, part in module.named_modules():
        for leaf in (*part._parameters, *part._buffers):
            if (name := f"{path}.{leaf}" if path else leaf) in kept:
                yield name


def _factors(name: str, where: Slice) -> Iterator[tuple[Factor, int]]:
    """The factors of a tensor, each with its place in its axis; of a matrix, inputs before outputs."""
    sizes = tuple(size for axis in where.axes for size in axis.large)
    axes = list(range(len(where.axes)))
    for i in (1, 0, *axes[2:]) if len(axes) > 1 else axes:
        first = sum(len(axis.large) for axis in where.axes[:i])
        for k in range(len(where.axes[i].large)):
            yield Factor(name, i, sizes, first + k), k


def _stops(factor: Factor, k: int, slices: list[Slice]) -> list[int]:
    """The number of first entries that each slice takes; nothing where one takes others."""
    taken = [where.axes[factor.axis].taken[k] for where in slices]
    runs = [part for part in taken if isinstance(part, slice) and not part.start]
    return [run.stop for run in runs] if len(runs) == len(taken) else []
