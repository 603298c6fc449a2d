"""Grids of blocks: where runs of channels cross, a member's own tensor or new blocks made from one."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from hypernas.growth.blocks import Block, Grid, Run
from hypernas.growth.counterparts import Counterpart
from hypernas.growth.network import Factors, flat
from hypernas.growth.segments import NOBODY, Segment
from hypernas.slicing import Axis, Slice


def whole_grid(name: str, factors: Factors, usable: Mapping[int, Counterpart]) -> Grid:
    """A tensor that is as large in members as in the large network, or that no member tells of.

    Args:
        usable: member -> what it has for the tensor, of those that have something of its kernel.

    Raises:
        ValueError: if several members have the whole matrix.
    """
    owners = _owners(usable)
    place = tuple((0, size) for size in flat(factors))
    if len(owners) > 1 and len(factors) > 1:
        raise ValueError(
            f"{name}: {tuple(math.prod(a) for a in factors)} in the large network and in "
            f"{len(owners)} members, which cannot all be there. Grow one of them, or an architecture "
            f"that is larger there too"
        )
    if owners:
        return Grid(factors, tuple(_own(m, usable[m], place) for m in owners))
    first = next(iter(usable))
    corner = tuple(Segment(0, size, NOBODY) for size in flat(factors))
    return Grid(factors, tuple(_pieces(corner, first, usable[first], newborn=True)))


def grid_of_segments(
    factors: Factors,
    cuts: Sequence[Sequence[Segment] | None],
    outputs: Sequence[bool],
    usable: Mapping[int, Counterpart],
) -> Grid:
    """A tensor that is cut along some of its factors.

    Args:
        cuts: of each factor its segments, None where it is not cut.
        outputs: of each factor, True if it runs over what its layer puts out.
        usable: as in `whole_grid`.
    """
    blocks: list[Block] = []
    for corner in itertools.product(
        *(own or [Segment(0, n, NOBODY)] for own, n in zip(cuts, flat(factors), strict=True))
    ):
        cut = [(s.member, out) for s, own, out in zip(corner, cuts, outputs, strict=True) if own]
        blocks += _blocks(corner, cut, usable, _owners(usable))
    return Grid(factors, tuple(blocks))


def _owners(usable: Mapping[int, Counterpart]) -> list[int]:
    """The members that have the tensor itself, not only one like it."""
    return [m for m, small in usable.items() if small.owned]


def _blocks(
    corner: Sequence[Segment],
    cut: Sequence[tuple[int, bool]],  # of each factor that is cut: its member, whether outputs
    usable: Mapping[int, Counterpart],
    owners: Sequence[int],
) -> Iterator[Block]:
    """The blocks where some segments cross."""
    rows = {m for m, out in cut if out}
    every = {m for m, _ in cut}
    if len(every) == 1 and every <= set(owners):
        (m,) = every
        yield _own(m, usable[m], [(s.start, s.stop) for s in corner])
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


def _own(m: int, small: Counterpart, place: Sequence[Run]) -> Block:
    """A member's own tensor in its place."""
    return Block(tuple(place), m, small.name, _prefix(small.factors, small.sizes), own=True)


def _pieces(
    corner: Sequence[Segment],
    member: int,
    small: Counterpart,
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
