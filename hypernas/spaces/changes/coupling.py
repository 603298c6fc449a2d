"""Choices that are made together."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial

from torch import nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture, Value
from hypernas.spaces.changes.change import changed

_WIDTHS = ("*width*", "*expansion*", "*ratio*")  # names of what follows where nothing is said


@checked
def coupled(
    space: SearchSpace, *, followers: Mapping[str, Sequence[str]] | None = None
) -> SearchSpace:
    """The space in which some choices follow others: the smallest value with the smallest, the largest with the largest.

    CompOFA (Sahni et al., 2021, arXiv 2104.12642): the depth of a stage decides the widths of its blocks, so that far fewer architectures
    are trained, near the same front. A follower takes the value that stands as far between its smallest and its largest
    as the leader's does, rounded to the nearest; every architecture is one of the given space.

    Args:
        followers: leader -> patterns of the choices that follow it, such as {"depth_0": ["expansion_0_*"]}; None for
            widths (by their names: width, expansion, ratio) that exist under some values of another choice, a
            depth as a rule, which they follow.

    Raises:
        ValueError: if nothing follows, a leader is no choice, or follows another, a pattern matches none, a choice would have two leaders or is
            not ordered, or another choice depends on a follower.
    """
    led = _led(space, _depending(space) if followers is None else followers)
    choices = {name: choice for name, choice in space.choices.items() if name not in led}
    return changed(space, partial(_built, space, led), choices)


def _depending(space: SearchSpace) -> dict[str, list[str]]:
    """Choice -> the widths that depend on it."""
    found: dict[str, list[str]] = {}
    for name, choice in space.choices.items():
        if choice.ordered and any(fnmatchcase(name, pattern) for pattern in _WIDTHS):
            for leader in [own for own in choice.when if space.choices[own].ordered][:1]:
                found.setdefault(leader, []).append(name)
    return found


def _led(space: SearchSpace, followers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Follower -> leader.

    Raises:
        ValueError: naming all that is wrong.
    """
    led: dict[str, str] = {}
    wrong = [f"{name}: no such choice" for name in followers if name not in space.choices]
    wrong += [] if any(followers.values()) else ["no choice follows another: name them (followers)"]
    for leader, patterns in followers.items():
        for pattern in patterns:
            matched = [n for n in space.choices if fnmatchcase(n, pattern) and n != leader]
            wrong += [] if matched else [f"{pattern}: matches no choice"]
            wrong += [
                f"{n}: follows {led[n]} and {leader}"
                for n in matched
                if led.get(n, leader) != leader
            ]
            led |= dict.fromkeys(matched, leader)
    wrong += [
        f"{leader}: leads, and follows {led[leader]}" for leader in followers if leader in led
    ]
    for name in (*led, *(leader for leader in followers if leader in space.choices)):
        wrong += [] if space.choices[name].ordered else [f"{name}: has no order"]
    for name, choice in space.choices.items():
        wrong += [
            f"{name}: depends on {parent}, which follows" for parent in choice.when if parent in led
        ]
    if wrong:
        raise ValueError(
            f"choices cannot be coupled as {dict(followers)}, of {list(space.choices)}:\n  "
            + "\n  ".join(wrong)
        )
    return led


def _built(space: SearchSpace, led: Mapping[str, str], architecture: Architecture) -> nn.Module:
    return space.build(uncoupled(space, led, architecture))


def uncoupled(
    space: SearchSpace, led: Mapping[str, str], architecture: Mapping[str, Value]
) -> Architecture:
    """The architecture of the given space that one of the coupled space stands for.

    Args:
        led: follower -> leader.
    """
    values = dict(architecture)
    for name, leader in led.items():
        if leader in architecture:
            own, its = space.choices[name].values, space.choices[leader].values
            place = its.index(architecture[leader]) / max(1, len(its) - 1)
            values[name] = own[round(place * (len(own) - 1))]
    return space.architecture(values)
