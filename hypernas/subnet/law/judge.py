"""The law of slices, put to one architecture: a subnet equals the largest network on padded weights.

A subnet run with its weights must compute what the largest network does with those weights padded by zeros where the subnet
has none. Counts and scalars that follow sizes are the subnet's own (see `scalars`), what mixes absent channels with present
ones in another way is undecided. Blocks that the subnet lacks pass on what they read, as along a residual stream, or give zeros.
No name of a module or parameter counts; sizes with names only order the candidates when a layout is looked for.
"""

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from hypernas.border import checked
from hypernas.slicing.fused import own_layout
from hypernas.slicing.layout import layout_of, layout_of_statistic, owners, plain_name, written
from hypernas.slicing.slice import Slice, misfit, prefix, slice_of, spatial_axes
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.classes import pattern_of
from hypernas.subnet.law.inputs import guesses
from hypernas.subnet.law.network import Network
from hypernas.subnet.law.origin import origin
from hypernas.subnet.law.padding import refusal_of_padding
from hypernas.subnet.law.pair import Pair
from hypernas.subnet.law.reach import take_alike, unreached
from hypernas.subnet.law.search import cure, suspected
from hypernas.subnet.law.verdict import Verdict
from hypernas.subnet.law.watch import Departed, Incomparable
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_skeleton

_MOST_NAMES = 4  # in a reason
_FREE = ("rows", "columns")
_SPATIAL = ("kernel",), ("height", "width"), ("depth", "height", "width")


@dataclass(frozen=True)
class Probe:
    """An architecture that is put to the law, and what it is called in the verdict."""

    subject: str
    architecture: Architecture


@checked
def judge(
    space: SearchSpace,
    probe: Probe,
    *,
    layouts: Mapping[str, Any],
    inputs: Any = None,
) -> Verdict:
    """Put one architecture to the law, and look for layouts where it is broken.

    It is compared with the largest network of the same values of categorical choices; where another value makes what it is cut
    from larger still (lists of widths, names of sizes), with that of the other value.

    Args:
        layouts: those the user has written, which are not doubted but tested.
        inputs: of both networks: a tensor, a tuple of several, or a mapping of keywords; None to guess.
    """
    cut = origin(space, probe.architecture)
    architectures = cut.architecture, probe.architecture
    networks = [Network(build_skeleton(space, a)) for a in architectures]
    large, small = networks
    apart = [n for n in cut.apart if layout_of(n, layouts) is None]
    if apart:
        return Verdict(probe.subject, "undecided", _parted(apart), at_risk=tuple(apart))
    if architectures[0] == architectures[1]:
        return Verdict(probe.subject, "holds")
    slices, misfits = _slices(large.module, small.module, layouts, architectures)
    if misfits:
        return Verdict(probe.subject, "undecided", "; ".join(misfits))
    fixed = {name for name in slices if layout_of(name, layouts) is not None}
    at_risk = tuple(
        name
        for name, where in slices.items()
        if name in small.target.shapes
        and name not in fixed
        and not where.whole
        and own_layout(large.module, name) is None
    )
    why = "no inputs were given and none of those guessed suit the network: give inputs=..."
    for given in [Arguments.of(inputs)] if inputs is not None else guesses(large.module):
        try:
            pair = Pair((large, small), architectures, given, slices, fixed)
            verdict = _reaching(pair, _followed(probe, pair, layouts, at_risk), at_risk)
            error = refusal_of_padding(small, given)
            return replace(verdict, unpadded=_words(error)) if error else verdict
        except Incomparable:
            why = "the outputs of the two networks cannot be compared"
        except Exception as error:
            refusal = large.refusal(given) or small.refusal(given)
            if refusal is None:
                why = f"looking at it failed by a fault of hypernas, {_words(error)}: please report it"
                break
            if inputs is not None:
                why = f"the network fails on the inputs: {_words(refusal)}"
    return Verdict(probe.subject, "undecided", why, at_risk=at_risk)


def _parted(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if names[_MOST_NAMES:] else ""
    return (
        f"{', '.join(names[:_MOST_NAMES])}{more}: cut from networks of other values of a choice that are no numbers, or not "
        f"ordered, and no value makes all parameters largest"
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _slices(
    large: nn.Module,
    small: nn.Module,
    layouts: Mapping[str, Any],
    architectures: tuple[Architecture, Architecture],
) -> tuple[dict[str, Slice], list[str]]:
    """Slices under the layouts, prefixes where these do not fit, and what does not fit at all."""
    found: dict[str, Slice] = {}
    misfits: list[str] = []
    statistics = norm_statistics(small)
    big = {**dict(large.named_parameters()), **norm_statistics(large)}
    for name, tensor in {**dict(small.named_parameters()), **statistics}.items():
        if name not in big:
            misfits.append(f"{name} is not in the largest network")
            continue
        shapes = tuple(big[name].shape), tuple(tensor.shape)
        layout = (layout_of_statistic if name in statistics else layout_of)(name, layouts)
        try:
            found[name] = slice_of(large, small, name, layout, architectures=architectures)
        except ValueError as error:
            fits = len(shapes[0]) == len(shapes[1]) and all(
                s <= b for b, s in zip(*shapes, strict=True)
            )
            if not fits and not tensor.requires_grad:
                continue  # fixed parameters are no slices of each other
            if not fits or layout is not None:
                misfits.append(str(error) if fits else misfit(name, *shapes))
                continue
            found[name] = prefix(*shapes)
    return found, misfits


def _reaching(pair: Pair, verdict: Verdict, at_risk: Iterable[str]) -> Verdict:
    """The verdict, if it is not undecided anyway, but of what the inputs do not reach."""
    if verdict.state == "undecided":
        return verdict
    left = unreached(pair, [n for n in at_risk if layout_of(n, verdict.layouts) is None])
    if not left:
        return verdict
    names = ", ".join(left[:_MOST_NAMES])
    more = f" and {len(left) - _MOST_NAMES} more" if left[_MOST_NAMES:] else ""
    why = f"nothing that the inputs give depends on {names}{more}: more of them, or others, may"
    if verdict.state == "broken":
        return replace(verdict, because=f"{verdict.because}; {why}", at_risk=left)
    return replace(verdict, state="undecided", because=why, at_risk=left, unreached=True)


def _followed(
    probe: Probe, pair: Pair, layouts: Mapping[str, Any], at_risk: Iterable[str]
) -> Verdict:
    """The verdict on two networks that run."""
    fault = _fault(pair)
    if fault is None and not pair.taken:
        return Verdict(probe.subject, "holds")
    if fault is not None and not cure(pair, fault):
        return Verdict(
            probe.subject,
            "undecided",
            _reason(pair, fault),
            doubts=_doubts(pair, fault.path) if fault.inputs else {},
            at_risk=suspected(pair, fault),
            place=fault.path,
        )
    take_alike(pair, at_risk)
    found = _written(pair)
    again, misfits = _slices(
        pair.large.module, pair.small.module, {**layouts, **found}, pair.architectures
    )
    if not misfits:
        proved = Pair(
            (pair.large, pair.small), pair.architectures, pair.arguments, again, set(again)
        )
        if _fault(proved) is None:
            place = fault.path if fault else next(iter(pair.taken))[0]
            reason = f"first at {place or 'what it puts out'}"
            return Verdict(probe.subject, "broken", reason, found, place=place)
    why = f"the layouts {found} cure only a part of it"
    return Verdict(
        probe.subject, "undecided", why, at_risk=tuple(dict.fromkeys(n for n, _ in pair.taken))
    )


def _fault(pair: Pair) -> Departed | None:
    """The place where the networks depart, blocks that are not there passing on what they read or zeros."""
    try:
        pair.follow()
    except Departed as fault:
        try:
            pair.follow(bypass=False)
        except Departed:
            return fault
    return None


def _reason(pair: Pair, fault: Departed) -> str:
    place = (
        f"what {fault.path} reads" if fault.inputs and fault.path else fault.path or "the output"
    )
    mixing = [path or "the network" for path in dict.fromkeys(pair.scalars.mixing)]
    return f"{place} differs and no layout is found that cures it" + (
        f"; {', '.join(mixing[:3])} counts absent channels" if mixing else ""
    )


def _doubts(pair: Pair, path: str) -> dict[str, str]:
    """Layouts of a layer's columns as the product of two choices, where its sizes are just that.

    Features flattened over channels and positions of which both are chosen, say: positions of another
    grid are no part of the largest one's, so that the law does not tell.
    """
    found: dict[str, str] = {}
    large, small = pair.architectures
    for name, i in pair.shrinking(path) if path else []:
        total = pair.pair((name, i))
        for first, second in itertools.permutations(large, 2):
            sizes = [[a.get(first), a.get(second)] for a in (large, small)]
            numbers = [[n for n in own if isinstance(n, int) and n > 1] for own in sizes]
            whole = all(len(own) == 2 for own in numbers)
            if not i or not whole or tuple(map(math.prod, numbers)) != total:
                continue
            if numbers[0][1] != numbers[1][1]:  # else a prefix takes the same
                axes = [[[_free(j, i + 1, 0)]] for j in range(i)]
                found.setdefault(name, written([*axes, [[first, second]]]))
    return found


def _written(pair: Pair) -> dict[str, str]:
    """Pattern -> layout for every parameter of which something else is taken than at first."""
    texts: dict[str, str] = {}
    for name in {unit[0] for unit in pair.taken}:
        axes = []
        shape = pair.large.target.shapes[name]
        space_axes = spatial_axes(next(owners(pair.large.module, name)), name)
        for i in range(len(shape)):
            candidate = pair.taken.get((name, i))
            free = _free(i, len(shape), len(space_axes))
            axis = [[f"axis{i}"]] if candidate is None else candidate.axis
            axes.append(
                [[free if re.fullmatch(r"axis\d+", f) else f for f in part] for part in axis]
            )
        texts[name] = written(axes)
    found: dict[str, str] = {}
    for name in pair.large.target.shapes:  # in their own order
        if name not in texts:
            continue
        pattern = pattern_of(plain_name(name))
        matched = [n for n in pair.large.target.shapes if fnmatchcase(plain_name(n), pattern)]
        alike = all(texts.get(n, texts[name]) == texts[name] for n in matched)
        same = all(
            len(pair.large.target.shapes[n]) == len(pair.large.target.shapes[name]) for n in matched
        )
        known = all(n in texts or n not in pair.small.target.shapes for n in matched)
        found[pattern if alike and same and known else plain_name(name)] = texts[name]
    return found


def _free(axis: int, num_axes: int, num_spatial: int) -> str:
    """A name for an axis, or for what is left of it."""
    first = num_axes - num_spatial
    if axis >= first and num_spatial:
        return _SPATIAL[num_spatial - 1][axis - first]
    return _FREE[axis] if axis < len(_FREE) else f"axis{axis}"
