"""Plan by which the tensors of small networks are put together to those of a large one."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hypernas.growth.blocks import Grid
from hypernas.growth.counterparts import Counterpart, counterpart
from hypernas.growth.grids import grid_of_segments, whole_grid
from hypernas.growth.network import Factors, Network, flat
from hypernas.growth.segments import segments_of
from hypernas.slicing.fused import cut_blocks, cut_groups


class Plan(NamedTuple):
    """The blocks of every parameter, and of every statistic of norms, by name."""

    weights: dict[str, Grid]
    statistics: dict[str, Grid]


def plan(target: Network, members: Sequence[Network]) -> Plan:
    """Blocks of every tensor of a large network that small ones are put together to.

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


def _grid(name: str, target: Network, members: Sequence[Network], kind: str) -> Grid:
    shapes: Mapping[str, Factors] = getattr(target, kind)
    factors = shapes[name]
    smalls = [counterpart(name, shapes, getattr(small, kind)) for small in members]
    centred = target.centred(name)
    whole = flat(factors)
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
    cuts = segments_of(name, smalls, target, members, shapes)
    if all(own is None for own in cuts):
        return whole_grid(name, factors, usable)
    axis_of = [axis for axis, own in enumerate(factors) for _ in own]
    outputs = [axis == target.output_axis(name) for axis in axis_of]
    return grid_of_segments(factors, cuts, outputs, usable)


def _check(
    name: str, m: int, small: Counterpart | None, factors: Factors, centred: set[int]
) -> None:
    """Refuse a member's tensor that has other axes, is larger, or has another kernel."""
    if small is None or not small.owned:
        return
    shapes = [tuple(math.prod(axis) for axis in own) for own in (small.factors, factors)]
    told = f"{name}: {shapes[0]} in member {m}, {shapes[1]} in the large network"
    if [len(axis) for axis in small.factors] != [len(axis) for axis in factors]:
        raise ValueError(f"{told}, of other axes")
    pairs = list(enumerate(zip(small.sizes, flat(factors), strict=True)))
    if any(part > size for _, (part, size) in pairs):
        raise ValueError(f"{told}, which is smaller")
    if any(part != size for i, (part, size) in pairs if i in centred):
        raise ValueError(f"{told}: kernels are not grown, give members those of the large network")


def _refuse_fused(name: str, target: Network, small: Network) -> None:
    if target.supernet.layout(name) is None and (
        reason := cut_groups(target.module, small.module, name)
        or cut_blocks(target.module, small.module, name)
    ):
        raise ValueError(reason)
