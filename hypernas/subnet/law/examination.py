"""The law of slices, put to several architectures of a space, and layouts under which it holds for all."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.subnet.law.judge import Probe, judge
from hypernas.subnet.law.origin import leanest
from hypernas.subnet.law.verdict import Verdict, written


@dataclass(frozen=True)
class Examination:
    """Verdicts on the architectures of a space that were looked at.

    Attributes:
        layouts: parameter pattern -> layout, of what was found to be needed.
    """

    verdicts: tuple[Verdict, ...]
    layouts: Mapping[str, str]

    @property
    def decided(self) -> bool:
        """True if the law holds for all of them, under the layouts."""
        return all(v.state != "undecided" and not v.at_risk for v in self.verdicts)

    def __str__(self) -> str:
        lines = [str(verdict) for verdict in self.verdicts]
        return "\n".join([*lines, *([f"write {written(self.layouts)}"] if self.layouts else [])])


@checked
def examine(space: SearchSpace, probes: Iterable[Probe], *, inputs: Any = None) -> Examination:
    """Put architectures to the law, one after the other.

    A layout that is found with one of them and fails with another was a coincidence of sizes: what is
    found there instead is taken, if it also holds for those before.

    Args:
        inputs: of every network of the space: see `SearchSpace`; None for the space's own.
    """
    inputs = space.inputs if inputs is None else inputs
    given = space.layouts
    found: dict[str, str] = {}
    seen: list[tuple[Probe, Verdict]] = []
    for probe in probes:
        verdict = judge(space, probe, layouts={**given, **found}, inputs=inputs)
        if not verdict.agrees and found:
            other = judge(space, probe, layouts=given, inputs=inputs)
            merged = {**found, **other.layouts}
            decided = [p for p, v in seen if v.agrees or v.state == "broken"]
            if other.state == "broken" and all(
                judge(space, p, layouts={**given, **merged}, inputs=inputs).agrees for p in decided
            ):
                verdict, found = other, merged
        elif verdict.state == "broken":
            found |= verdict.layouts
        seen.append((probe, verdict))
    return Examination(tuple(verdict for _, verdict in seen), found)


@checked
def check(space: SearchSpace, *, inputs: Any = None) -> Examination:
    """Put every choice of a space to the law of slices, one by one, and look for the layouts it needs.

    A subnet run with its weights must compute what the largest network does with those weights padded
    by zeros. Each verdict says "holds", "broken" with the layouts under which it holds, or "undecided"
    with the reason, such as parameters that the inputs never reach; printing the result shows them all.

    Args:
        space: its layouts are tested, those of other parameters are looked for.
        inputs: an example of what every module of the space can be called with: a tensor, a tuple of
            several, or a mapping of keywords; None for the space's own, or for guesses.
    """
    return examine(space, every_choice(space), inputs=inputs)


@checked
def few(space: SearchSpace) -> Iterator[Probe]:
    """The smallest architecture and a random one: enough for what all subnets have wrong alike.

    The values of a choice that are lists, say, have no order: that which makes the fewest numbers is looked at too.
    """
    smallest = space.smallest()
    yield Probe(f"the smallest, {smallest}", smallest)
    other = space.sample(torch.Generator().manual_seed(0))
    yield Probe(str(other), other)
    for name in space.choices:
        architecture = leanest(space, name)
        if architecture is not None and architecture not in (smallest, other):
            yield Probe(f"{name}: {architecture[name]}", architecture)


@checked
def every_choice(space: SearchSpace, *, num_random: int = 4) -> Iterator[Probe]:
    """The smallest architecture, then each choice's every other value under the largest of the rest, then random ones."""
    smallest = space.smallest()
    yield Probe(f"the smallest, {smallest}", smallest)
    for name, choice in space.choices.items():
        for value in choice.values[: -1 if choice.ordered else None]:
            yield Probe(f"{name}: {value}", space.largest_with(name, value))
    rng = torch.Generator().manual_seed(0)
    for _ in range(num_random):
        architecture = space.sample(rng)
        yield Probe(str(architecture), architecture)
