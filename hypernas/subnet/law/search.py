"""The search for layouts under which the large network follows the small one."""

import itertools
from collections.abc import Iterator, Mapping

from torch import nn
from torch.nn.modules.conv import _ConvNd

from hypernas.slicing.fused import own_layout
from hypernas.subnet.law.candidates import Candidate
from hypernas.subnet.law.classes import Unit, pattern_of, trials_of
from hypernas.subnet.law.pair import Pair
from hypernas.subnet.law.watch import Departed

_MOST_TRIALS = 60  # of whole networks, for one fault
_MOST_ALIKE = 20  # for each way to group axes
_MOST_LEVELS = 2  # of modules around a layer that have parameters
_MOST_FAULTS = 40


def cure(pair: Pair, fault: Departed) -> bool:
    """Change the layouts of a pair, so far as the networks depart, until they agree.

    Returns:
        True if they agree to the end; what was found until then is kept either way.
    """
    for _ in range(_MOST_FAULTS):
        later = _further(pair, fault)
        if later is fault:
            return False
        if later is None:
            return True
        fault = later
    return False


def suspected(pair: Pair, fault: Departed) -> tuple[str, ...]:
    """The parameters whose slices may be at fault.

    None are where no axis near the fault is cut without a layout, nor where the networks have other layers: depth
    without a residual stream is a matter of what is computed, not of what is cut.
    """
    if set(pair.small.layers) != set(pair.large.layers):
        return ()
    units = [*pair.shrinking(fault.path)] if fault.path and not fault.inputs else []
    units += [unit for units in _suspects(pair, fault) for unit in units]
    names = dict.fromkeys(name for name, _ in units)
    return tuple(name for name in names if own_layout(pair.large.module, name) is None)


def _further(pair: Pair, fault: Departed) -> Departed | None:
    """The next fault once this one is mended; None if there is none, itself if it cannot be."""
    trials = itertools.islice(_trials(pair, fault), _MOST_TRIALS) if fault.inputs else [{}]
    halfway: tuple[Departed, dict[Unit, Candidate]] | None = None
    for others in trials:
        try:
            pair.follow(others, thorough=not others)
            return None
        except Departed as later:
            if later.when > fault.when:
                pair.taken = pair.departing
                return later
            if later.when == fault.when and fault.inputs and not later.inputs and not halfway:
                halfway = later, pair.departing  # what it reads is there, in an order of its own
    if halfway is None:
        return fault
    later, pair.taken = halfway
    return later


def _trials(pair: Pair, fault: Departed) -> Iterator[dict[Unit, Candidate]]:
    """Candidates for the axes that may be at fault, those nearest to the fault first."""
    tried: set[frozenset[tuple[Unit, tuple[int, ...]]]] = set()
    for units in _suspects(pair, fault):
        for others in trials_of(pair, units, most=_MOST_ALIKE):
            key = frozenset((unit, c.taken.indices) for unit, c in others.items())
            if key not in tried:
                tried.add(key)
                yield everywhere(pair, others)


def _suspects(pair: Pair, fault: Departed) -> Iterator[list[Unit]]:
    """Sets of axes of the layers that ran before it, from the inside out."""
    before = list(dict.fromkeys(pair.order[: fault.when]))
    leaves = pair.small.leaves
    before += [p for p in pair.small.layers if p not in leaves]  # parameters of modules around
    around = fault.path
    previous: list[str] = []
    levels = 0
    while levels < _MOST_LEVELS:
        around = around.rpartition(".")[0]
        near = [p for p in before if not around or p.startswith(f"{around}.") or p == around]
        if near and near != previous:
            for num in (len(near), *range(1, len(near))):  # what ran last is read first
                yield [unit for path in near[-num:] for unit in _rows(pair, path)]
            previous, levels = near, levels + 1
        if not around:
            return


def _rows(pair: Pair, path: str) -> list[Unit]:
    """The axes of a layer that its outputs run over, as far as their sizes tell."""
    units = pair.shrinking(path)
    layer = pair.large.module.get_submodule(path)
    if isinstance(layer, nn.Linear | _ConvNd):
        axis = int(getattr(layer, "transposed", False))
    elif isinstance(layer, nn.Embedding):
        axis = 1
    else:
        return units
    return [u for u in units if u[1] == axis or len(pair.slices[u[0]].axes) == 1]


def everywhere(pair: Pair, others: Mapping[Unit, Candidate]) -> dict[Unit, Candidate]:
    """The same expressions for the parameters of like names, in other blocks too."""
    found = dict(others)
    likes: dict[tuple[str, int], Candidate] = {
        (pattern_of(name), axis): candidate for (name, axis), candidate in others.items()
    }
    for name in pair.slices:
        if name not in pair.small.target.shapes or name in pair.fixed:
            continue
        for axis in range(len(pair.slices[name].axes)):
            unit = name, axis
            like = likes.get((pattern_of(name), axis))
            if like is None or unit in found or pair.slices[name].axes[axis].whole:
                continue
            for candidate in pair.candidates(unit):
                if candidate.axis == like.axis:
                    found[unit] = candidate
                    break
    return found
