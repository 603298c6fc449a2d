"""Progress of a search."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hypernas.cost import Count
from hypernas.search.evaluated import Evaluated
from hypernas.search.front import Front
from hypernas.search.infeasible import Infeasible
from hypernas.search.measure import Measure
from hypernas.search.problem import Problem
from hypernas.space import Architecture

_RANDOM = 16  # architectures beside the ends


@dataclass(frozen=True)
class Progress:
    """The state of a search after a batch.

    Attributes:
        done, of: evaluations, and how many there are to be.
        best: the best so far by the first objective; None while nothing meets the constraints.
        hypervolume: of the front; None for one objective, or where nothing meets them.
        seconds: that are left, as far as can be told.
    """

    done: int
    of: int
    best: Evaluated | None
    hypervolume: float | None
    seconds: float

    def __str__(self) -> str:
        parts = [f"{self.done}/{self.of}"]
        if self.best is None:
            parts.append("nothing meets the constraints yet")
        else:
            parts.append(", ".join(f"{n} {value:.4g}" for n, value in self.best.values.items()))
        if self.hypervolume is not None:
            parts.append(f"hypervolume {self.hypervolume:.4g}")
        return "  ".join([*parts, f"{self.seconds:.0f} s left"])


class Watch:
    """Observer of a search, which tells its progress batch by batch.

    Args:
        num_evaluations: that the search is to make.
        reference: of the hypervolume, fixed before the search; None for one objective.
    """

    def __init__(
        self, problem: Problem, *, num_evaluations: int, reference: dict[str, float] | None
    ) -> None:
        self._problem, self._of, self._reference = problem, num_evaluations, reference
        self._begun, self._first = time.monotonic(), 0

    def begin(self, recorded: int) -> None:
        """Start the clock.

        Args:
            recorded: evaluations that were made before, and cost no time.
        """
        self._begun, self._first = time.monotonic(), recorded

    def __call__(self, told: Sequence[Evaluated]) -> Progress:
        new = max(len(told) - self._first, 0)
        passed = time.monotonic() - self._begun
        left = passed / new * (self._of - len(told)) if new else 0.0
        try:
            front = Front.of(self._problem, told)
        except Infeasible:
            return Progress(len(told), self._of, None, None, left)
        volume = None if self._reference is None else front.hypervolume(self._reference)
        return Progress(len(told), self._of, front.best(), volume, left)


def reference_point(
    problem: Problem, measures: Sequence[Measure], ends: Sequence[Architecture]
) -> dict[str, float]:
    """The worst value of each objective among some architectures, such as the smallest and the largest.

    Of measures that are counted without running anything (`Count`), random architectures are looked at
    too, as with categories the worst need not lie at an end. Of others it may be beyond the reference
    point, to which it then adds no hypervolume: compare volumes of one search, or give `hypervolume` a
    reference point of your own. Taken before a search it does not favour what is found.
    """
    rng = np.random.default_rng(0)
    some = [*ends, *(problem.space.sample(rng) for _ in range(_RANDOM))]
    values = {m.name: m(some if isinstance(m, Count) else ends) for m in measures}
    return {part.name: max(values[part.name], key=part.loss) for part in problem.objectives}
