"""Choices that are opened one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch

from hypernas.border import checked
from hypernas.sampling.timed import Timed
from hypernas.space import Choice, SearchSpace
from hypernas.space.architecture import Architecture, Value
from hypernas.space.random_source import below

_KINDS = ("*kernel*", "*depth*")  # that are opened before all others
_LARGEST = 0.3  # share of training, in the phases that are taken where none are given


@checked
@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of training, and what it opens.

    Attributes:
        share: of all phases' shares.
        opened: pattern of names of choices -> how many of their values, from the largest down, may be drawn from
            now on; None for all of them.
        num: architectures a step.
    """

    share: float
    opened: Mapping[str, int | None] = field(default_factory=dict)
    num: int = 1

    def __post_init__(self) -> None:
        counts = [count for count in self.opened.values() if count is not None]
        if self.share <= 0 or self.num < 1 or any(count < 1 for count in counts):
            raise ValueError(
                f"a phase needs a positive share, and num and numbers of values of 1 or more, got share={self.share}, "
                f"num={self.num}, opened={dict(self.opened)}."
            )


class Progressive(Timed):
    """Random architectures of ever more values: progressive shrinking.

    Once-for-All (Cai et al., 2020, arXiv 1908.09791): the largest alone, then kernels, depths and widths, each smaller
    value joining those before it. Choices that no phase has opened yet have their largest value (a categorical one
    that of `space.largest`). There the largest, as it was after the first phase, teaches all that follows
    (`hypernas.objectives.TeacherLogits` takes it), and each phase has a learning rate of its own, which is the
    schedule's here.

    Args:
        phases: in their order; None for the largest in 0.3 of training, then kernels, depths, and all that is left, in
            equal shares, as far as the space has such choices.

    Raises:
        ValueError: if there is no phase, or at the first draw if a pattern matches no choice.
    """

    def __init__(self, *, phases: Sequence[Phase | Mapping[str, object]] | None = None) -> None:
        if phases is not None and not phases:
            raise ValueError(
                "phases must be one or more, got none; leave them out for those of the class."
            )
        self.phases = None if phases is None else [_phase(one) for one in phases]

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        self.check_begun()
        phases = self.phases or usual_phases(space)
        present = self._present(phases)
        counts = _opened(space.choices, phases[: present + 1])
        largest = space.largest()
        values = {
            name: _from_largest(choice, largest.get(name, choice.values[-1]))[: counts[name]]
            for name, choice in space.choices.items()
        }
        return [_drawn(space, values, rng) for _ in range(phases[present].num)]

    def _present(self, phases: Sequence[Phase]) -> int:
        """The phase of this step."""
        total, done = sum(phase.share for phase in phases), 0.0
        for i, phase in enumerate(phases):
            done += phase.share
            if self.step <= round(self.steps * done / total):
                return i
        return len(phases) - 1


def usual_phases(space: SearchSpace) -> list[Phase]:
    """The largest alone, kernels, depths, and the rest."""
    left, groups = dict.fromkeys(space.choices), []
    for pattern in (*_KINDS, "*"):
        names = [name for name in left if fnmatchcase(name, pattern)]
        if names:
            groups.append(dict.fromkeys(names))
        for name in names:
            del left[name]
    share = (1 - _LARGEST) / max(1, len(groups))
    return [Phase(share=_LARGEST), *(Phase(share=share, opened=group) for group in groups)]


def _phase(given: Phase | Mapping[str, object]) -> Phase:
    """A phase of a mapping, as files of settings have it."""
    return given if isinstance(given, Phase) else Phase(**given)  # type: ignore[arg-type]


def _opened(choices: Mapping[str, Choice], phases: Sequence[Phase]) -> dict[str, int]:
    """Choice -> how many values are open after some phases.

    Raises:
        ValueError: naming all patterns that match nothing.
    """
    patterns = [pattern for phase in phases for pattern in phase.opened]
    wrong = [p for p in patterns if not any(fnmatchcase(name, p) for name in choices)]
    if wrong:
        raise ValueError(f"the patterns {wrong} match none of the choices {list(choices)}.")
    counts = dict.fromkeys(choices, 1)
    for phase in phases:
        for pattern, count in phase.opened.items():
            for name, choice in choices.items():
                if fnmatchcase(name, pattern):
                    counts[name] = len(choice.values) if count is None else count
    return counts


def _from_largest(choice: Choice, largest: Value) -> list[Value]:
    """The values from the largest down; of a categorical choice that of the largest first."""
    return [largest, *(value for value in reversed(choice.values) if value != largest)]


def _drawn(
    space: SearchSpace, values: Mapping[str, Sequence[Value]], rng: torch.Generator
) -> Architecture:
    """A value of each choice, uniform over those that are open."""
    return space.architecture({name: own[below(rng, len(own))] for name, own in values.items()})
