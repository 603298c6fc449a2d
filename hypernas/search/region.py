"""The region of a space in which the constraints on known measures hold."""

from collections.abc import Container, Iterator, Sequence
from typing import Any

from hypernas.border import checked
from hypernas.search.evaluated import Evaluated
from hypernas.search.infeasible import Infeasible
from hypernas.search.problem import Problem
from hypernas.space import Architecture
from hypernas.space.random_source import below

_SMALL = 1 << 12  # architectures of a space that may be gone through
_TRIES = 1000  # draws that may fail one after the other
_NEAREST = 64  # architectures that are computed before nothing is said to be inside


class Region:
    """The architectures of a problem's space that meet its constraints on known measures.

    Args:
        problem: with known measures, or none.
    """

    @checked
    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._limits = [part for part in problem.constraints if part.name in problem.known]
        self._looked_at: dict[Architecture, Evaluated] = {}

    def violations(self, architectures: Sequence[Architecture]) -> list[float]:
        """The sum of what the constraints are exceeded by, of each; 0 inside."""
        found = self._problem.known_values(architectures)
        self._looked_at |= {
            a: Evaluated(a, values) for a, values in zip(architectures, found, strict=True)
        }
        return [sum(part.excess(values[part.name]) for part in self._limits) for values in found]

    def seeming(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        """Those that meet the constraints, by estimates where there are any: see `Estimate`."""
        if not self._limits:
            return list(architectures)
        found = zip(architectures, self.violations(architectures), strict=True)
        return [architecture for architecture, violation in found if not violation]

    def inside(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        """Those that meet the constraints; what is estimated is computed of those that seem to."""
        found = self.seeming(architectures)
        return self.seeming(found) if self.settle(found) else found

    def settle(self, architectures: Sequence[Architecture]) -> bool:
        """Compute of these what is estimated and limited; whether there was anything to compute."""
        return self._problem.settle(architectures, [part.name for part in self._limits])

    def infeasible(self) -> Infeasible:
        """The error of constraints that nothing which was looked at meets."""
        self.violations(list(self._looked_at))  # as they are known now
        return Infeasible(self._limits, list(self._looked_at.values()))

    def draw(self, num: int, rng: Any, without: Container[Architecture] = ()) -> list[Architecture]:
        """Distinct random architectures inside; fewer than `num` where no more are found.

        All are equally likely: uniform draws are thrown away outside, and where too many are, the rest of
        a small space (up to 4,096 architectures) is gone through. In a larger one a random walk takes over,
        which is not uniform: it begins where the least violation that was seen leads, and its first
        architectures are near there.

        Raises:
            Infeasible: if nothing inside is found.
        """
        space = self._problem.space
        found: dict[Architecture, None] = {}
        failed = 0
        while len(found) < num and failed < _TRIES:
            batch = [space.sample(rng) for _ in range(num)]
            before = len(found)
            found |= dict.fromkeys(a for a in self.inside(batch) if a not in without)
            failed = failed + num if len(found) == before else 0
        if len(found) < num:
            more = self._rest(rng) if space.size <= _SMALL else self._walk(rng)
            for architecture in more:
                if len(found) == num:
                    break
                if architecture not in without:
                    found[architecture] = None
        return list(found)[:num]

    def _rest(self, rng: Any) -> Iterator[Architecture]:
        """All inside, in random order."""
        every = list(self._problem.space.enumerate())
        left = self.seeming(every) or self._last(every)
        some = False
        while left:
            one = left.pop(below(rng, len(left)))
            if self.inside([one]):
                some = True
                yield one
        if not some:
            raise self.infeasible()

    def _walk(self, rng: Any) -> Iterator[Architecture]:
        """Neighbours of what is inside, and of those again, until there are no new ones for long."""
        space = self._problem.space
        inside = [self._nearest(rng)]
        yield inside[0]
        known = set(inside)
        failed = 0
        while failed < _TRIES:
            step = space.mutate(inside[below(rng, len(inside))], rng)
            failed += 1
            if step not in known and self.inside([step]):
                failed = 0
                known.add(step)
                inside.append(step)
                yield step

    def _nearest(self, rng: Any) -> Architecture:
        """One that is inside, found by going downhill from the least violation that was seen."""
        space = self._problem.space
        starts = [space.smallest(), space.largest(), *self._looked_at]
        violations = self.violations(starts)
        least = min(violations)
        place = starts[violations.index(least)]
        for _ in range(_TRIES):
            if not least:
                if self.inside([place]):
                    return place
                least = self.violations([place])[0]  # it had been estimated
            step = space.mutate(place, rng)
            violation = self.violations([step])[0]
            if violation <= least:
                place, least = step, violation
        for one in [place, *self._last(list(self._looked_at))]:
            if self.inside([one]):
                return one
        raise self.infeasible()

    def _last(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        """Those inside of the few whose violation seems least: estimates may be too high."""
        violations = dict(zip(architectures, self.violations(architectures), strict=True))
        nearest = sorted(architectures, key=violations.__getitem__)[:_NEAREST]
        return self.seeming(nearest) if self.settle(nearest) else []
