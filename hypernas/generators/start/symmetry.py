"""Symmetries of a network: factors that can be permuted together without changing its outputs."""

import math
from collections.abc import Callable, Iterator, Sequence

from torch import nn
from torch.nn.modules.conv import _ConvNd

from hypernas.generators.start.factors import Factor, Shrinking
from hypernas.generators.start.probe import Probe

_LONGEST = 16  # factors of a group that is looked for inside a set
_FEW = 24  # factors of a set in which every run is tried


def groups(probe: Probe, found: Sequence[Shrinking]) -> tuple[list[list[Factor]], list[Factor]]:
    """Groups of factors that can be permuted together, and the factors that cannot.

    What runs over the same channels is of one size, and shrinks alike, so each set of such factors is
    searched; then those that are left, in blocks (heads of a plain axis, positions of a flattened
    map), which may shrink as others do.
    """
    whole: list[list[Factor]] = []
    rest = list(found)
    asked: set[tuple[Shrinking, ...]] = set()
    for blocks in (False, True):
        for members in _alike(probe.module, rest, blocks=blocks):
            own = [member for member, origin in members if origin in rest]
            if len(own) > 1 and tuple(own) not in asked:
                asked.add(tuple(own))
                made = _within(probe, [member.factor for member in own])
                whole += made
                done = {factor for group in made for factor in group}
                gone = [origin for member, origin in members if member.factor in done]
                rest = [origin for origin in rest if origin not in gone]
    return whole, [origin.factor for origin in rest]


def _alike(
    module: nn.Module, found: Sequence[Shrinking], *, blocks: bool
) -> list[list[tuple[Shrinking, Shrinking]]]:
    """Sets of equal sizes, the largest first; of each member also the factor that it is in blocks."""
    sets: dict[tuple[int, ...], list[tuple[Shrinking, Shrinking]]] = {}
    for origin in found:
        for unit in _units(module, found, origin) if blocks else (1,):
            member = origin if unit == 1 else origin.in_blocks(unit)
            sets.setdefault(member.sizes, []).append((member, origin))
    return [sets[sizes] for sizes in sorted(sets, key=lambda sizes: -sizes[0])]


def _units(module: nn.Module, found: Sequence[Shrinking], own: Shrinking) -> Iterator[int]:
    """Sizes of blocks that a factor may be made of: those that whole numbers in the modules suggest."""
    size, most = own.factor.size, math.gcd(*own.sizes)
    numbers = {
        value
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, int) and value > 0
    }
    numbers |= {other.factor.size for other in found} | {size, most}
    units = numbers | {size // number for number in numbers}
    return (unit for unit in sorted(units) if unit and most % unit == 0 and unit < size)


def _within(probe: Probe, factors: Sequence[Factor]) -> list[list[Factor]]:
    """Groups inside a set of factors of one size.

    What runs over the same channels mostly stands side by side: a layer's outputs, its norm, the inputs
    of the next. So the shortest runs of the set that change nothing are groups; what is left
    without them stands side by side in turn, and in the end is one group (a residual stream), if
    that changes nothing. What has no effect, as a bias of keys before a softmax, belongs to none.
    """
    found: list[list[Factor]] = []
    rest = [factor for factor in factors if not probe.unchanged_by([factor])]
    for kind in (_written_then_read, _written_and_read)[: 2 if len(rest) <= _FEW else 1]:
        found += _runs(probe, rest, kind)
        if rest and probe.unchanged_by(rest):
            return [*found, rest]
    return found


def _runs(
    probe: Probe, rest: list[Factor], may_be: Callable[[nn.Module, Sequence[Factor]], bool]
) -> list[list[Factor]]:
    """The shortest runs that change nothing, which are taken out of `rest`.

    Args:
        may_be: whether to ask for a run at all.
    """
    found: list[list[Factor]] = []
    asked: set[tuple[Factor, ...]] = set()
    length = 2
    while length <= min(_LONGEST, len(rest)):
        for first in range(len(rest) - length + 1):
            run = tuple(rest[first : first + length])
            if run in asked or not may_be(probe.module, run):
                continue
            asked.add(run)
            if probe.unchanged_by(run):
                found.append(list(run))
                del rest[first : first + length]
                length = 1  # shorter ones may stand side by side now
                break
        length += 1
    return found


def _written_then_read(module: nn.Module, run: Sequence[Factor]) -> bool:
    """True for a run from what may write channels to what may read them, as most are."""
    return _reads(module, run[0]) is not True and _reads(module, run[-1]) is not False


def _written_and_read(module: nn.Module, run: Sequence[Factor]) -> bool:
    """True for a run in which something may write channels, and something read them."""
    kinds = [_reads(module, factor) for factor in run]
    return any(kind is not True for kind in kinds) and any(kind is not False for kind in kinds)


def _reads(module: nn.Module, factor: Factor) -> bool | None:
    """True for an axis of inputs, False for one of outputs, None where that is not known."""
    owner = module.get_submodule(factor.name.rpartition(".")[0])
    if isinstance(owner, nn.Linear):
        return factor.axis == 1
    if isinstance(owner, _ConvNd) and owner.groups == 1:
        return factor.axis == (0 if owner.transposed and not factor.name.endswith("bias") else 1)
    return None
