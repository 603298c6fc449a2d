"""How the tensors of small networks are put together to those of a large one."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hypernas.growth.blocks import Block, Grid
from hypernas.growth.nearest import channels, nearest
from hypernas.growth.net import Factors, Net
from hypernas.slicing import Axis, Slice
from hypernas.slicing.fused import refusal

NOBODY = -1  # the member of channels that no member brings


class Plan(NamedTuple):
    """The blocks of every parameter, and of every statistic of norms, by name."""

    weights: dict[str, Grid]
    statistics: dict[str, Grid]


def plan(target: Net, members: Sequence[Net]) -> Plan:
    """How networks are put together to a large one.

    Members stand one after the other along every axis that is cut. A block of two members' channels
    is made from the templates of the first one, whose outputs they are; where those are too small,
    from those of another member that cover it, and where none do, of pieces. A layer that a member
    lacks is made from its nearest one (see `nearest`).

    Raises:
        ValueError: naming every tensor that does not fit, and why.
    """
    found = Plan({}, {})
    misfits = [
        f"{name}: in member {m}, but not in the large network"
        for m, small in enumerate(members)
        for name in small.weights
        if name not in target.weights
    ]
    for kind, grids in (("weights", found.weights), ("statistics", found.statistics)):
        for name in getattr(target, kind):
            try:
                grids[name] = _grid(name, target, members, kind)
            except ValueError as error:
                misfits.append(str(error))
    if misfits:
        raise ValueError(
            f"{', '.join(str(small.architecture) for small in members)} cannot be grown into "
            f"{target.architecture}:\n  "
            + "\n  ".join(dict.fromkeys(misfits))
            + "\nThe members' sizes along an axis are each as in the large network, or add up to "
            "that or less."
        )
    return found


class _Segment(NamedTuple):
    """A run of a factor, whose channels are those of one member."""

    start: int
    stop: int
    member: int


class _Small(NamedTuple):
    """What a member has for a large tensor."""

    name: str
    sizes: tuple[int, ...]  # of the factors of all axes
    factors: Factors
    owned: bool  # it is the tensor itself, not the nearest one


def _grid(name: str, target: Net, members: Sequence[Net], kind: str) -> Grid:
    shapes: Mapping[str, Factors] = getattr(target, kind)
    factors = shapes[name]
    smalls = [_small(name, shapes, getattr(small, kind)) for small in members]
    centred = target.centred(name)
    whole = _flat(factors)
    for m, small in enumerate(smalls):
        _check(name, m, small, factors, centred)
        if small is not None and small.owned and kind == "weights":
            _refuse_fused(name, target, members[m])
    usable = {
        m: s
        for m, s in enumerate(smalls)
        if s is not None and all(s.sizes[i] == whole[i] for i in centred)
    }
    if not usable:
        raise ValueError(f"{name}: no member has this layer, or one like it, to make it from")
    owners = [m for m, s in usable.items() if s.owned]
    brought = [_brought(name, i, smalls, target, members, shapes) for i in range(len(whole))]
    cuts = [_segments(name, own, size) for own, size in zip(brought, whole, strict=True)]
    if all(segment is None for segment in cuts):
        return _uncut(name, factors, usable, owners)
    axis_of = [axis for axis, own in enumerate(factors) for _ in own]
    outputs = [axis_of[i] == target.output_axis(name) for i in range(len(whole))]
    blocks: list[Block] = []
    for corner in itertools.product(
        *(own or [_Segment(0, n, NOBODY)] for own, n in zip(cuts, whole, strict=True))
    ):
        cut = [(s.member, out) for s, own, out in zip(corner, cuts, outputs, strict=True) if own]
        blocks += _blocks(corner, cut, usable, owners)
    return Grid(factors, tuple(blocks))


def _small(name: str, shapes: Mapping[str, Factors], own: Mapping[str, Factors]) -> _Small | None:
    if name in own:
        return _Small(name, _flat(own[name]), own[name], True)
    found = nearest(name, own, shapes)
    if found is None or [len(a) for a in own[found]] != [len(a) for a in shapes[name]]:
        return None
    return _Small(found, _flat(own[found]), own[found], False)


def _check(name: str, m: int, small: _Small | None, factors: Factors, centred: set[int]) -> None:
    """Refuse a member's tensor that has other axes, is larger, or has another kernel."""
    if small is None or not small.owned:
        return
    shapes = [tuple(math.prod(axis) for axis in own) for own in (small.factors, factors)]
    told = f"{name}: {shapes[0]} in member {m}, {shapes[1]} in the large network"
    if [len(axis) for axis in small.factors] != [len(axis) for axis in factors]:
        raise ValueError(f"{told}, of other axes")
    pairs = list(enumerate(zip(small.sizes, _flat(factors), strict=True)))
    if any(part > size for _, (part, size) in pairs):
        raise ValueError(f"{told}, which is smaller")
    if any(part != size for i, (part, size) in pairs if i in centred):
        raise ValueError(f"{told}: kernels are not grown, give members those of the large network")


def _refuse_fused(name: str, target: Net, small: Net) -> None:
    if target.envelope.layout(name) is None and (
        reason := refusal(target.module, small.module, name)
    ):
        raise ValueError(reason)


def _brought(
    name: str,
    i: int,
    smalls: Sequence[_Small | None],
    target: Net,
    members: Sequence[Net],
    shapes: Mapping[str, Factors],
) -> list[int] | None:
    """How many of the channels along factor `i` each member brings; None where it is not cut.

    A member that lacks the layer has channels there too, since layers before and after have them: as
    many as in its nearest layer, if that is as large there, or else as where its other layers are.
    """
    size = _flat(shapes[name])[i]
    own = {m: s.sizes[i] for m, s in enumerate(smalls) if s is not None and s.owned}
    alike = {
        m: s.sizes[i]
        for m, s in enumerate(smalls)
        if s is not None and s.name in shapes and _flat(shapes[s.name])[i] == size
    }
    if all(part == size for part in (own or alike).values()):
        return None
    found: list[int] = []
    for m, member in enumerate(members):
        part = own.get(m, alike.get(m))
        if part is None or (part == size and m not in own):
            part = channels(name, size, member.weights, target.weights)
        if part is None and own:
            raise ValueError(
                f"{name}: member {m} lacks this layer, and it cannot be told which of its {size} "
                f"channels are that member's. Give that member the layer too, or grow it first"
            )
        if part is None:
            return None
        found.append(part)
    return found


def _segments(name: str, parts: Sequence[int] | None, size: int) -> list[_Segment] | None:
    """How a factor is cut; None where it is not."""
    if parts is None:
        return None
    if sum(parts) > size:
        raise ValueError(
            f"{name}: the members bring {' + '.join(map(str, parts))} channels, "
            f"the large network has {size}"
        )
    segments, start = [], 0
    for m, part in enumerate(parts):
        segments.append(_Segment(start, start + part, m))
        start += part
    return segments + ([_Segment(start, size, NOBODY)] if start < size else [])


def _uncut(
    name: str, factors: Factors, usable: Mapping[int, _Small], owners: Sequence[int]
) -> Grid:
    """A tensor that is as large in members as in the large network, or that no member tells of."""
    place = tuple((0, size) for size in _flat(factors))
    if len(owners) > 1 and len(factors) > 1:
        raise ValueError(
            f"{name}: {tuple(math.prod(a) for a in factors)} in the large network and in "
            f"{len(owners)} members, which cannot all be there. Grow one of them, or an architecture "
            f"that is larger there too"
        )
    if owners:
        whole = [usable[m] for m in owners]
        return Grid(
            factors,
            tuple(
                Block(place, m, s.name, _prefix(s.factors, s.sizes), own=True)
                for m, s in zip(owners, whole, strict=True)
            ),
        )
    first = next(iter(usable))
    corner = tuple(_Segment(0, size, NOBODY) for size in _flat(factors))
    return Grid(factors, tuple(_pieces(corner, first, usable[first], newborn=True)))


def _blocks(
    corner: Sequence[_Segment],
    cut: Sequence[tuple[int, bool]],  # of each factor that is cut: its member, whether outputs
    usable: Mapping[int, _Small],
    owners: Sequence[int],
) -> Iterator[Block]:
    """What stands where some segments cross."""
    rows = {m for m, out in cut if out}
    every = {m for m, _ in cut}
    if len(every) == 1 and every <= set(owners):
        (m,) = every
        small = usable[m]
        place = tuple((s.start, s.stop) for s in corner)
        yield Block(place, m, small.name, _prefix(small.factors, small.sizes), own=True)
        return
    existing = not rows or (len(rows) == 1 and rows <= set(owners))
    wanted = [m for m, out in sorted(cut, key=lambda pair: not pair[1]) if m in usable]
    order = list(dict.fromkeys([*wanted, *usable]))
    shape = [segment.stop - segment.start for segment in corner]
    covering = [
        m for m in order if all(n <= own for n, own in zip(shape, usable[m].sizes, strict=True))
    ]
    chosen = (covering or order)[0]
    newborn = not owners or (len(rows) == 1 and NOBODY not in rows and not existing)
    yield from _pieces(corner, chosen, usable[chosen], intrudes=existing, newborn=newborn)


def _pieces(
    corner: Sequence[_Segment],
    member: int,
    small: _Small,
    *,
    intrudes: bool = False,
    newborn: bool = False,
) -> Iterator[Block]:
    """New blocks that fill a place, none larger than the tensor that they are made from."""
    runs = [
        [(at, min(at + step, segment.stop)) for at in range(segment.start, segment.stop, step)]
        for segment, step in zip(corner, small.sizes, strict=True)
    ]
    for place in itertools.product(*runs):
        sizes = [stop - start for start, stop in place]
        taken = _prefix(small.factors, sizes)
        yield Block(place, member, small.name, taken, intrudes=intrudes, newborn=newborn)


def _prefix(factors: Factors, sizes: Sequence[int]) -> Slice:
    """The first entries of each factor of each axis."""
    left = iter(sizes)
    return Slice(tuple(Axis(axis, tuple(slice(0, next(left)) for _ in axis)) for axis in factors))


def _flat(factors: Factors) -> tuple[int, ...]:
    return tuple(size for axis in factors for size in axis)
