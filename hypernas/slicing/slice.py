"""The index set of a small weight inside a large one: prefixes, centres, and layouts of axes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.slicing.fused import cut_groups, ruling_layout
from hypernas.slicing.layout import Layout, owners, plain_name
from hypernas.slicing.positions import Positions, positions

_LARGE = 2**17  # numbers from which on it pays to write each just once

Taken = slice | tuple[int, ...]  # a run of indices, or any distinct ones in ascending order


@dataclass(frozen=True)
class Axis:
    """One axis of a small weight inside a large one, as a product of sliced factors."""

    large: tuple[int, ...]
    taken: tuple[Taken, ...]

    @cached_property
    def whole(self) -> bool:
        return all(
            part == slice(0, size) for part, size in zip(self.taken, self.large, strict=True)
        )

    @cached_property
    def run(self) -> slice | None:
        """The indices as a single run, if they are one: what is taken is then a view."""
        if self.whole:
            return slice(None)
        part = self.taken[0]
        return part if len(self.large) == 1 and isinstance(part, slice) else None

    @cached_property
    def size(self) -> int:
        return math.prod(
            part.stop - part.start if isinstance(part, slice) else len(part) for part in self.taken
        )

    @cached_property
    def indices(self) -> tuple[int, ...]:
        """Those that are taken of the whole axis, ascending."""
        places = torch.arange(math.prod(self.large)).view(self.large)
        for dim, part in enumerate(self.taken):
            kept = (
                torch.arange(self.large[dim])[part]
                if isinstance(part, slice)
                else torch.tensor(part)
            )
            places = places.index_select(dim, kept)
        return tuple(places.flatten().tolist())


@dataclass(frozen=True)
class Slice:
    """The index set of a subnet's parameter inside the largest shape of that parameter."""

    axes: tuple[Axis, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple([axis.size for axis in self.axes])

    @cached_property
    def whole(self) -> bool:
        return all(axis.whole for axis in self.axes)

    @cached_property
    def is_view(self) -> bool:
        """True if a slice shares the memory of the large tensor."""
        return all(axis.run is not None for axis in self.axes)

    @cached_property
    def rows(self) -> Positions:
        """Positions on the first axis; there is one."""
        first = self.axes[0]
        return positions([first.large], [first.taken])

    @cached_property
    def columns(self) -> Positions:
        """Positions on all axes but the first, flattened to one."""
        rest = self.axes[1:]
        return positions([axis.large for axis in rest], [axis.taken for axis in rest])

    @cached_property
    def _runs(self) -> tuple[Any, ...]:
        return (..., *(axis.run for axis in self.axes))

    def __call__(self, large: Tensor) -> Tensor:
        """Slice the last axes of `large`, shape (..., *largest) -> (..., *shape)."""
        if self.whole:
            return large
        return large[self._runs] if self.is_view else _gather(large, self.axes)

    def along(self, axis: int, vector: Tensor) -> Tensor:
        """Slice the last axis of `vector`, shape (..., largest[axis]), as that axis is sliced."""
        own = self.axes[axis]
        if own.whole:
            return vector
        return vector[..., own.run] if own.run is not None else _gather(vector, (own,))

    def add(self, large: Tensor, small: Tensor, times: Tensor | None = None) -> None:
        """Add `small`, shape (..., *shape), to its place in `large`, which is contiguous.

        Args:
            times: factors; with `small` they broadcast to shape (..., *shape).
        """
        if self.is_view:
            place = self(large)
            place.add_(small) if times is None else place.addcmul_(times, small)
            return
        small = small if times is None else times * small
        lead = large.shape[: large.dim() - len(self.axes)]
        taken = [part for axis in self.axes for part in axis.taken]
        runs = [part for part in taken if isinstance(part, slice)]
        if len(runs) == len(taken):
            factors = large.view(*lead, *(size for axis in self.axes for size in axis.large))
            factors[(..., *runs)].add_(small.reshape(*lead, *(r.stop - r.start for r in runs)))
            return
        largest = [math.prod(axis.large) for axis in self.axes]
        flat = large.view(*lead, -1)
        places = self(torch.arange(flat.shape[-1], device=large.device).view(largest))
        flat.index_add_(-1, places.flatten(), small.reshape(*flat.shape[:-1], -1))

    def fill(self, large: Tensor, small: Tensor, times: Tensor | None = None) -> None:
        """Write `small`, shape (..., *shape), to its place in `large`, which is contiguous, and 0 elsewhere.

        Args:
            times: as in `add`.
        """
        if not self.is_view or (not self.whole and large.numel() < _LARGE):
            large.zero_()
            self.add(large, small, times)
            return
        place = large
        for dim, axis in enumerate(self.axes, start=large.dim() - len(self.axes)):
            run = axis.run
            if axis.whole or run is None:  # every axis of a view is a run
                continue
            start, stop, size = run.start, run.stop, place.shape[dim]
            if start:
                place.narrow(dim, 0, start).zero_()
            if stop < size:
                place.narrow(dim, stop, size - stop).zero_()
            place = place.narrow(dim, start, stop - start)
        if times is None:
            place.copy_(small)
        else:
            torch.mul(times, small, out=place)

    def add_along(self, axis: int, vector: Tensor, small: Tensor) -> None:
        """Add `small` to what `along` takes from the last axis of `vector`, shape (..., large)."""
        own = self.axes[axis]
        if own.run is not None:
            vector[..., own.run].add_(small)
        else:
            places = self.along(axis, torch.arange(vector.shape[-1], device=vector.device))
            vector.index_add_(-1, places, small.to(vector.dtype))

    def put(self, large: Tensor, small: Tensor) -> None:
        """Write `small`, of this shape, into its place in `large`, which is contiguous."""
        places = self(torch.arange(large.numel(), device=large.device).view_as(large))
        large.view(-1)[places.flatten()] = small.flatten()


def _gather(large: Tensor, axes: tuple[Axis, ...]) -> Tensor:
    """Slice the last axes, some of which are products or taken index by index: a copy."""
    lead = large.shape[: large.dim() - len(axes)]
    taken = [part for axis in axes for part in axis.taken]
    factors = large.reshape(*lead, *(size for axis in axes for size in axis.large))
    small = factors[(..., *(p if isinstance(p, slice) else slice(None) for p in taken))]
    for i, part in enumerate(taken, start=len(lead)):
        if not isinstance(part, slice):
            picked = torch.tensor(part, dtype=torch.long, device=large.device)
            small = small.index_select(i, picked)
    return small.reshape(*lead, *(axis.size for axis in axes))


def slice_of(
    large: nn.Module,
    small: nn.Module,
    name: str,
    layout: Layout | str | None = None,
    *,
    architectures: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> Slice:
    """Index set of parameter (or buffer) `name` of `small` inside that of `large`.

    Without a layout each axis takes a prefix, the spatial axes of convolutions their centre, and
    the matrices that torch's own attention and recurrent modules stack are sliced one by one. A
    convolution whose groups a prefix would cut across needs a layout.

    Args:
        large, small: modules, or skeletons, that both have the parameter.
        architectures: those of the two modules, for factors named after a choice.

    Raises:
        ValueError: if the small parameter does not fit inside the large one, it needs a layout and
            has none, or its layout does not describe it.
    """
    shapes = [_shape(module, name) for module in (large, small)]
    if len(shapes[0]) != len(shapes[1]):
        raise ValueError(misfit(name, *shapes))
    spatial = spatial_axes(next(owners(small, name)), name)
    layout = ruling_layout(large, name, layout)
    if layout is None:
        if any(part > size for size, part in zip(*shapes, strict=True)):
            raise ValueError(misfit(name, *shapes))
        if reason := cut_groups(large, small, name):
            raise ValueError(reason)
        taken = [
            Axis((big,), (centre(big, part) if i in spatial else slice(0, part),))
            for i, (big, part) in enumerate(zip(*shapes, strict=True))
        ]
        return Slice(tuple(taken))
    sizes = [
        layout.factors(name, shape, module, architecture)
        for shape, module, architecture in zip(shapes, (large, small), architectures, strict=True)
    ]
    axes = []
    for i, names in enumerate(layout.axes(name, len(shapes[0]))):
        parts = [
            _product(
                big, part, [f in layout.centre or (i in spatial and names == [[f]]) for f in own]
            )
            for big, part, own in zip(sizes[0][i], sizes[1][i], names, strict=True)
        ]
        if any(part is None for part in parts):
            raise ValueError(misfit(name, *shapes))
        axes.append(joined([part for part in parts if part is not None]))
    return Slice(tuple(axes))


def _product(large: tuple[int, ...], small: tuple[int, ...], centred: list[bool]) -> Axis | None:
    """An axis from the sizes of its factors; None where one is larger in the small weight."""
    if any(part > size for size, part in zip(large, small, strict=True)):
        return None
    taken = tuple(
        centre(size, part) if middle else slice(0, part)
        for size, part, middle in zip(large, small, centred, strict=True)
    )
    return Axis(large, taken)


def joined(parts: Sequence[Axis]) -> Axis:
    """One axis of several that stand one behind the other."""
    if len(parts) == 1:
        return parts[0]
    indices: list[int] = []
    total = 0
    for part in parts:
        indices += [total + index for index in part.indices]
        total += math.prod(part.large)
    run = slice(indices[0], indices[-1] + 1)
    return Axis((total,), (run if indices == list(range(*run.indices(total))) else tuple(indices),))


def centre(size: int, part: int) -> slice:
    """The middle run of `part` of `size` indices; the first of the two where parities differ."""
    start = (size - part) // 2
    return slice(start, start + part)


def prefix(large: tuple[int, ...], small: tuple[int, ...]) -> Slice:
    """The first entries of every axis."""
    return Slice(tuple(Axis((b,), (slice(0, s),)) for b, s in zip(large, small, strict=True)))


@checked
def spatial_axes(owner: nn.Module, name: str) -> range:
    """Axes that run over space, of a parameter which a module owns: those of a kernel."""
    kernel = plain_name(name).endswith(("weight", "weight_v"))
    if kernel and isinstance(owner, nn.modules.conv._ConvNd):
        return range(2, 2 + len(owner.kernel_size))
    return range(0)


def misfit(name: str, large: tuple[int, ...], small: tuple[int, ...]) -> str:
    """The words of an error about a shape that is larger than the largest."""
    return f"{name}: {small} does not fit inside {large}"


def _shape(module: nn.Module, name: str) -> tuple[int, ...]:
    if not isinstance(module, nn.Module) or not isinstance(name, str):
        raise TypeError(
            f"expected a module and the name of a parameter, got {module!r:.80} and {name!r:.80}."
        )
    *path, leaf = name.split(".")
    owner: Any = module
    try:
        for part in path:
            owner = owner._modules[part]  # `get_submodule` takes a quarter of the time of a slice
        return tuple(getattr(owner, leaf).shape)
    except (AttributeError, KeyError):
        known = [name for name, _ in module.named_parameters()]
        raise ValueError(
            f"{type(module).__name__} has no parameter {name!r}, expected one of {known}."
        ) from None
