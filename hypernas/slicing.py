"""Where a small weight sits in a large one: prefixes, centres of kernels, and layouts of axes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from einops.parsing import ParsedExpression
from torch import Tensor, nn

_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8}
_FUSED = {  # torch's own modules that stack matrices along the first axis of these parameters
    nn.MultiheadAttention: ("in_proj_*", 3),
    nn.LSTM: ("*_[ih]h_l*", 4),
    nn.GRU: ("*_[ih]h_l*", 3),
}


@dataclass(frozen=True)
class Layout:
    """How the axes of a parameter are made up, in the notation of einops.

    `"(three heads dim) model"` says that the first axis is three blocks of `heads` blocks of `dim`
    rows; a subnet takes the first of each factor. The size of a factor is, in this order: in
    `sizes`; a number or a number word; the architecture's choice of that name; an integer
    attribute of that name of the module which owns the parameter, or of one around it; and for one
    factor of each axis what is left.

    Args:
        pattern: one name or one parenthesised product for each axis of the parameter.
        sizes: factor -> size, where it is the same in every subnet.
        centre: factors whose middle is taken instead of their start.
    """

    pattern: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    centre: tuple[str, ...] = ()


@dataclass(frozen=True)
class Axis:
    """One axis of a small weight inside a large one, as a product of sliced factors."""

    large: tuple[int, ...]
    taken: tuple[slice, ...]

    @property
    def whole(self) -> bool:
        return all(
            part == slice(0, size) for part, size in zip(self.taken, self.large, strict=True)
        )

    @property
    def size(self) -> int:
        return math.prod(part.stop - part.start for part in self.taken)


@dataclass(frozen=True)
class Slice:
    """The index set of a subnet's parameter inside the largest shape of that parameter."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)

    @property
    def whole(self) -> bool:
        return all(axis.whole for axis in self.axes)

    def __call__(self, large: Tensor) -> Tensor:
        """Slice the last axes of `large`, shape (..., *largest) -> (..., *shape)."""
        return _take(large, self.axes)

    def along(self, axis: int, vector: Tensor) -> Tensor:
        """Slice the last axis of `vector`, shape (..., largest[axis]), as that axis is sliced."""
        return _take(vector, self.axes[axis : axis + 1])


def _take(large: Tensor, axes: tuple[Axis, ...]) -> Tensor:
    if all(axis.whole for axis in axes):
        return large
    index = tuple(part for axis in axes for part in axis.taken)
    if len(index) == len(axes):  # no axis is a product: a view
        return large[(..., *index)]
    lead = large.shape[: large.dim() - len(axes)]
    factors = [size for axis in axes for size in axis.large]
    small = large.reshape(*lead, *factors)[(..., *index)]
    return small.reshape(*lead, *(axis.size for axis in axes))


def slice_of(
    large: nn.Module,
    small: nn.Module,
    name: str,
    layout: Layout | str | None = None,
    *,
    architectures: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> Slice:
    """Where parameter `name` of `small` sits in that of `large`.

    Without a layout each axis takes a prefix, the spatial axes of convolutions their centre, and
    the matrices that torch's own attention and recurrent modules stack are sliced one by one.

    Args:
        large, small: modules, or skeletons, that both have the parameter.
        architectures: those of the two modules, for factors named after a choice.

    Raises:
        ValueError: if the small parameter does not fit inside the large one, or the layout does
            not describe it.
    """
    shapes = [tuple(module.get_parameter(name).shape) for module in (large, small)]
    if len(shapes[0]) != len(shapes[1]):
        raise ValueError(_misfit(name, *shapes))
    spatial = _spatial_axes(small, name)
    layout = layout or _fused_layout(large, name)
    if layout is None:
        sizes = [[(n,) for n in shape] for shape in shapes]
        centred = [(i in spatial,) for i in range(len(shapes[0]))]
    else:
        layout = layout if isinstance(layout, Layout) else Layout(str(layout))
        axes = _parse(name, layout, len(shapes[0]))
        sizes = [
            _factor_sizes(name, layout, axes, shape, module, architecture)
            for shape, module, architecture in zip(
                shapes, (large, small), architectures, strict=True
            )
        ]
        centred = [
            tuple(f in layout.centre or (i in spatial and len(axis) == 1) for f in axis)
            for i, axis in enumerate(axes)
        ]
    found = []
    for big, part, middle in zip(*sizes, centred, strict=True):
        if any(p > b for p, b in zip(part, big, strict=True)):
            raise ValueError(_misfit(name, *shapes))
        starts = [(b - p) // 2 if m else 0 for b, p, m in zip(big, part, middle, strict=True)]
        taken = tuple(slice(s, s + p) for s, p in zip(starts, part, strict=True))
        found.append(Axis(tuple(big), taken))
    return Slice(tuple(found))


def prefix(large: tuple[int, ...], small: tuple[int, ...]) -> Slice:
    """The first entries of every axis."""
    return Slice(tuple(Axis((b,), (slice(0, s),)) for b, s in zip(large, small, strict=True)))


def layout_of(name: str, layouts: Mapping[str, Any]) -> Layout | str | None:
    """The layout whose pattern matches the parameter's name, if there is one.

    Raises:
        ValueError: if two match.
    """
    matches = [pattern for pattern in layouts if fnmatchcase(name, pattern)]
    if len(matches) > 1:
        raise ValueError(f"{name} matches the layouts {matches}: write patterns that exclude it.")
    return layouts[matches[0]] if matches else None


def _misfit(name: str, large: tuple[int, ...], small: tuple[int, ...]) -> str:
    return f"{name}: {small} does not fit inside {large}"


def _owners(module: nn.Module, name: str) -> Iterator[nn.Module]:
    """The module that owns parameter `name`, then those around it, outwards."""
    path = name.split(".")[:-1]
    for depth in range(len(path), -1, -1):
        yield module.get_submodule(".".join(path[:depth]))


def _spatial_axes(module: nn.Module, name: str) -> range:
    """Axes of a convolution's kernel that run over space."""
    owner = next(_owners(module, name))
    if isinstance(owner, nn.modules.conv._ConvNd) and name.endswith("weight"):
        return range(2, owner.weight.dim())
    return range(0)


def _fused_layout(module: nn.Module, name: str) -> Layout | None:
    owner = next(_owners(module, name))
    for kind, (pattern, count) in _FUSED.items():
        if isinstance(owner, kind) and fnmatchcase(name.rpartition(".")[2], pattern):
            rest = owner.get_parameter(name.rpartition(".")[2]).dim() - 1
            return Layout(" ".join([f"({count} rows)", *(f"axis{i}" for i in range(rest))]))
    return None


def _parse(name: str, layout: Layout, dim: int) -> list[list[str]]:
    """The names of the factors of each axis."""
    # einops reads no number but 1, so they travel as names
    pattern = " ".join(
        "".join(f"number__{c}" if c.isdigit() else c for c in _words(word))
        for word in layout.pattern.split()
    )
    try:
        composition = ParsedExpression(pattern).composition
        axes = [[f.removeprefix("number__") for f in axis] for axis in composition]
    except Exception as error:
        raise ValueError(f"{name}: the layout {layout.pattern!r} cannot be read: {error}") from None
    if len(axes) != dim or any(not axis for axis in axes):
        raise ValueError(f"{name}: the layout {layout.pattern!r} must name {dim} axes.")
    return axes


def _words(word: str) -> list[str]:
    """Split the parentheses off a word of a pattern."""
    head = "(" * (len(word) - len(word.lstrip("(")))
    tail = ")" * (len(word) - len(word.rstrip(")")))
    return [head, word.strip("()"), tail]


def _factor_sizes(
    name: str,
    layout: Layout,
    axes: list[list[str]],
    shape: tuple[int, ...],
    module: nn.Module,
    architecture: Mapping[str, Any],
) -> list[tuple[int, ...]]:
    """The sizes of the factors of each axis of one parameter."""
    result = []
    for factors, total in zip(axes, shape, strict=True):
        if len(factors) == 1:
            result.append((total,))
            continue
        known = {f: _known_size(f, layout, name, module, architecture) for f in factors}
        unknown = [f for f, size in known.items() if size is None]
        product = math.prod(size for size in known.values() if size is not None)
        if len(unknown) > 1 or total % product or (not unknown and product != total):
            raise ValueError(
                f"{name}: the layout {layout.pattern!r} does not tell the factors of an axis of "
                f"{total}: known are { {f: s for f, s in known.items() if s is not None} }, "
                f"unknown {unknown}. Name factors after choices or attributes of the module, or "
                f"give Layout({layout.pattern!r}, sizes={{...}}); one factor an axis may stay unknown."
            )
        result.append(tuple(total // product if known[f] is None else known[f] for f in factors))
    return result


def _known_size(
    factor: str, layout: Layout, name: str, module: nn.Module, architecture: Mapping[str, Any]
) -> int | None:
    if factor in layout.sizes:
        return layout.sizes[factor]
    if factor.isdigit() or factor in _NUMBER_WORDS:
        return int(factor) if factor.isdigit() else _NUMBER_WORDS[factor]
    candidates = [
        architecture.get(factor),
        *(getattr(m, factor, None) for m in _owners(module, name)),
    ]
    integers = [c for c in candidates if isinstance(c, int) and not isinstance(c, bool)]
    return integers[0] if integers else None
