"""The network that a subnet is cut from, where values that are kinds decide sizes too."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Size

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.target import generated_shapes


@dataclass(frozen=True)
class Origin:
    """The network that a subnet is cut from.

    Attributes:
        architecture: the largest with the subnet's kinds, but where another kind makes parameters larger: as slices are
            of the largest shape that there is under a name, whatever its kind.
        apart: parameters of the subnet that are larger still in an architecture of another kind, which is smaller
            elsewhere, so that no one network has them all.
    """

    architecture: Architecture
    apart: tuple[str, ...] = ()


def origin(space: SearchSpace, architecture: Architecture) -> Origin:
    """The origin of a subnet: lists of widths, say, or the names of sizes are kinds, and are cut all the same."""
    large = space.largest_like(architecture)
    kinds = [n for n, c in space.choices.items() if n in architecture and _decides(space, n)]
    if not kinds:
        return Origin(large)
    names = generated_shapes(build_skeleton(space, architecture))
    shapes = generated_shapes(build_skeleton(space, large))
    apart: dict[str, Size] = {}
    for name in kinds:
        for value in space.choices[name].values:
            other = space.largest_like(Architecture({**large, name: value}))
            found = generated_shapes(build_skeleton(space, other))
            larger = [n for n in names if n in found and _exceeds(found[n], shapes[n])]
            if larger and all(n in found and _holds(found[n], shapes[n]) for n in names):
                large, shapes = other, found
            else:
                apart |= {n: found[n] for n in larger}
    return Origin(large, tuple(n for n, shape in apart.items() if _exceeds(shape, shapes[n])))


def leanest(space: SearchSpace, name: str) -> Architecture | None:
    """The largest architecture with the value of a kind that makes the fewest numbers; None where all make as many."""
    if not _decides(space, name):
        return None
    found = [space.largest_with(name, value) for value in space.choices[name].values]
    sizes = [_size(generated_shapes(build_skeleton(space, a))) for a in found]
    return found[sizes.index(min(sizes))] if len(set(sizes)) > 1 else None


def _decides(space: SearchSpace, name: str) -> bool:
    choice = space.choices[name]
    return not choice.ordered and len(choice.values) > 1


def _size(shapes: Mapping[str, Size]) -> int:
    return sum(shape.numel() for shape in shapes.values())


def _holds(shape: Size, other: Size) -> bool:
    return len(shape) == len(other) and all(s >= o for s, o in zip(shape, other, strict=True))


def _exceeds(shape: Size, other: Size) -> bool:
    return shape != other and _holds(shape, other)
