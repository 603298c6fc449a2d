"""Channels: the axes of parameters and statistics that run over the same ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hypernas.slicing import Axis, spatial_axes
from hypernas.subnet.supernet import Supernet

Tied = Mapping[str, int | Sequence[int]]  # pattern of names -> axis or axes


@dataclass(frozen=True)
class Channels:
    """Channels that several parameters and statistics share.

    Attributes:
        name: for messages.
        size: how many there are in the largest shapes.
        axes: (parameter or statistic, which of its axes), each once.
    """

    name: str
    size: int
    axes: tuple[tuple[str, int], ...]


def tied_channels(supernet: Supernet, channels: Sequence[Tied]) -> list[Channels]:
    """Groups of tied channels from patterns of names.

    `{"*.expand.weight": 0, "*.expand_norm.*": 0, "*.project.weight": 1}` says that the outputs of
    `expand`, its norm and the inputs of `project` are the same channels, in each module that has
    them: the text which the first `*.` stands for tells one group from another. Where one of the
    patterns does not start with `*.`, all that they match is one group. An axis may be a list of
    axes. Scalars such as `num_batches_tracked` are left out.

    Raises:
        ValueError: if a pattern matches nothing, the axes of a group differ in size, one is missing
            or made of factors, or one is in two groups.
    """
    axes = _axes(supernet)
    wrong: list[str] = []
    groups = [members for tied in channels for members in _groups(axes, tied, wrong)]
    found: list[Channels] = []
    seen: dict[tuple[str, int], str] = {}
    for members in groups:
        label = "{}, axis {}".format(*members[0])
        sizes = {f"{name}, axis {i}": _size(axes[name][i]) for name, i in members}
        if len(set(sizes.values())) > 1:
            wrong.append(f"{label}: the channels differ in number: {sizes}")
        for name, i in members:
            if len(axes[name][i].large) > 1:
                wrong.append(f"{name}: axis {i} is made of factors, by its layout")
            if (name, i) in seen:
                wrong.append(f"{name}: axis {i} is in the groups of {seen[name, i]} and of {label}")
            seen[name, i] = label
        found.append(Channels(label, next(iter(sizes.values())), tuple(members)))
    if wrong:
        raise ValueError("the channels cannot be tied:\n  " + "\n  ".join(wrong))
    return found


def _groups(
    axes: Mapping[str, tuple[Axis, ...]], tied: Tied, wrong: list[str]
) -> list[list[tuple[str, int]]]:
    """Matches of the patterns of one mapping, group by group; adds to the list of what is wrong."""
    several = all(pattern.startswith("*.") for pattern in tied)
    groups: dict[str, dict[tuple[str, int], None]] = {}  # head -> members, in order
    for pattern, which in tied.items():
        heads = {name: _head(name, pattern) for name in axes}
        matched = {name: head for name, head in heads.items() if head is not None}
        if not matched:
            wrong.append(f"{pattern}: matches none of {list(axes)}")
        for name, head in matched.items():
            for axis in [which] if isinstance(which, int) else which:
                if 0 <= axis < len(axes[name]):
                    groups.setdefault(head if several else "", {})[name, axis] = None
                elif axes[name]:
                    wrong.append(f"{name}: has no axis {axis}")
    return [list(members) for members in groups.values()]


def channels_by_size(supernet: Supernet) -> list[Channels]:
    """Axes of one largest size as one group, wherever outputs and inputs of that size meet.

    Axes that run over the same channels are of the same size in every subnet, so nothing tied is
    torn apart; layers that merely agree in size are tied beside. Sizes that occur in an axis made
    of factors are left out, as are the spatial axes of convolutions.
    """
    axes = _axes(supernet)
    products = {
        math.prod(axis.large[i:])
        for own in axes.values()
        for axis in own
        if len(axis.large) > 1
        for i in range(len(axis.large))
    }
    members: dict[int, list[tuple[str, int]]] = {}
    for name, own in axes.items():
        spatial = spatial_axes(supernet.owner(name), name) if name in supernet.shapes else ()
        for i, axis in enumerate(own):
            if i not in spatial and _size(axis) not in products:
                members.setdefault(_size(axis), []).append((name, i))
    matrices = {name for name, shape in supernet.shapes.items() if len(shape) > 1}
    return [
        Channels(f"channels of {size}", size, tuple(group))
        for size, group in members.items()
        if {0, 1} <= {axis for name, axis in group if name in matrices}
    ]


def _axes(supernet: Supernet) -> dict[str, tuple[Axis, ...]]:
    """Every parameter and statistic -> its axes, inside the largest shape."""
    found: dict[str, tuple[Axis, ...]] = {}
    for reference in supernet.space.references():
        weights, statistics = supernet.slices(reference)
        for name, where in {**weights, **statistics}.items():
            found.setdefault(name, where.axes)
    return found


def _size(axis: Axis) -> int:
    return math.prod(axis.large)


def _head(name: str, pattern: str) -> str | None:
    """The part of a name that the first `*.` of a pattern stands for; None where it does not match."""
    if not pattern.startswith("*."):
        return "" if fnmatchcase(name, pattern) else None
    path = name.split(".")
    for cut in range(len(path) - 1, 0, -1):
        if fnmatchcase(".".join(path[cut:]), pattern.removeprefix("*.")):
            return ".".join(path[:cut])
    return None
