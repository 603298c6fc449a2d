"""Kernels of a step: mixing, its pull-back, and updates of banks; chosen by the device of the bank."""

import functools
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from hypernas.mixing.part import Part, Run
from hypernas.mixing.turn import Turn
from hypernas.native import SWITCH, native

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
COMPILED, TRITON = "C++", "Triton"
ASKED = "triton"  # value of the switch that takes what no GPU has run yet
Gradient = tuple[
    Part, Sequence[Run | None]
]  # and the sums that those of its coefficients are added to


class Kernels(ABC):
    """Functions of a step on one device."""

    @abstractmethod
    def mix(self, parts: Sequence[Part]) -> None:
        """Write the weight of each, as `hypernas.mixing.mix` has it."""

    @abstractmethod
    def pull_back(self, gradients: Sequence[Gradient]) -> Sequence[float | None]:
        """Add the gradients of coefficients to sums.

        Returns:
            Of each the sum of the squares of what it adds to its bank's gradient, where that is had in passing.
        """

    @abstractmethod
    def squares(self, turns: Sequence[Turn]) -> Tensor:  # double, shape ()
        """The sum of the squares of the gradients of banks."""

    @abstractmethod
    def update(self, turns: Sequence[Turn], scale: Tensor) -> None:
        """Move banks and their moments, by gradients times a scale, shape ()."""


class Choice(NamedTuple):
    """Kernels, or why there are none.

    Attributes:
        words: their name, or the reason.
    """

    kernels: Kernels | None
    words: str


def choice(kind: str) -> Choice:
    """The kernels for banks on a kind of device: the one place that decides."""
    make = CHOICES.get(kind)
    return Choice(None, f"no kernels for banks on {kind}") if make is None else make()


def kernels_on(device: torch.device) -> Kernels | None:
    return choice(device.type).kernels


def mix(parts: Sequence[Part]) -> None:
    """See `Kernels.mix`; parts of several devices, each of which has kernels."""
    for device, own in grouped(parts, lambda part: part.bank.device):
        _there(device).mix(own)


def pull_back(gradients: Sequence[Gradient]) -> list[tuple[Part, float | None]]:
    """See `Kernels.pull_back`; parts, in any order, and their sums."""
    found: list[tuple[Part, float | None]] = []
    for device, own in grouped(gradients, lambda pair: pair[0].bank.device):
        squares = _there(device).pull_back(own)
        found += zip((part for part, _ in own), squares, strict=True)
    return found


def squares(turns: Sequence[Turn]) -> Tensor:  # double, shape ()
    """See `Kernels.squares`; on the device of the first."""
    known = sum(turn.squares for turn in turns if turn.squares is not None)
    others = [turn for turn in turns if turn.squares is None]
    sums = [
        _there(device).squares(own)
        for device, own in grouped(others, lambda turn: turn.bank.device)
    ]
    if not sums:
        return torch.tensor(known, dtype=torch.float64)
    return sum((each.to(sums[0].device) for each in sums[1:]), sums[0]) + known


def update(turns: Sequence[Turn], scale: Tensor) -> None:
    """See `Kernels.update`."""
    for device, own in grouped(turns, lambda turn: turn.bank.device):
        _there(device).update(own, scale.to(device))


def grouped(values: Iterable[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    """Values that have the same key, in their order."""
    found: dict[K, list[T]] = {}
    for value in values:
        found.setdefault(key(value), []).append(value)
    return list(found.items())


def _there(device: torch.device) -> Kernels:
    found = choice(device.type)
    if found.kernels is None:
        raise RuntimeError(f"no kernels for banks on {device}: {found.words}.")
    return found.kernels


@functools.cache
def compiled() -> Choice:
    from hypernas.mixing.cpu import CompiledKernels

    library, words = native().library, native().words
    return Choice(None, words) if library is None else Choice(CompiledKernels(library), COMPILED)


@functools.cache
def triton() -> Choice:
    if os.environ.get(SWITCH) != ASKED:
        return Choice(None, f"no {SWITCH}={ASKED} in the environment, as no GPU has run it yet")
    try:
        from hypernas.mixing.gpu import TritonKernels
    except ImportError as error:
        return Choice(None, f"no Triton for banks on a GPU ({error})")
    return Choice(TritonKernels(), TRITON)


CHOICES: dict[str, Callable[[], Choice]] = {"cpu": compiled, "cuda": triton}
