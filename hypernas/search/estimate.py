"""Estimates of measures that are too slow for thousands of architectures."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from hypernas.predictors import GaussianProcess, Predictor
from hypernas.search.measure import Measure
from hypernas.search.memory import Memory
from hypernas.space import Architecture, SearchSpace
from hypernas.training.settings import check_ranges

_FITTED = 512  # architectures at most that a predictor is fitted to
_GROWTH = 1.25  # of what was computed, until a predictor is fitted again


class Estimate(Memory):
    """Measure that is computed of some architectures and predicted of the others.

    For what takes milliseconds and is the same every time, as counting operations: a predictor is
    fitted to random architectures, and again when more were computed. A search sieves thousands by
    what it predicts, and has those computed that it is about to ask for.

    Args:
        measure: what is computed.
        num_samples: random architectures, computed at the first call, 2 or more; a space of no more is computed whole.
        predictor: a function of the space -> a new predictor.
        seed: of the sample.

    Raises:
        ValueError: if a setting is out of its range.
    """

    def __init__(
        self,
        measure: Measure,
        space: SearchSpace,
        *,
        num_samples: int = 128,
        predictor: Callable[[SearchSpace], Predictor] = GaussianProcess,
        seed: int = 0,
    ) -> None:
        super().__init__(measure)
        check_ranges(
            "Estimate", num_samples=(num_samples, (2, math.inf)), seed=(seed, (0, math.inf))
        )
        self._space = space
        self._num_samples = num_samples
        self._new_predictor = predictor
        self._rng = np.random.default_rng(seed)
        self._predictor: Predictor | None = None
        self._num_fitted = 0

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        """The number of each: exact where it was computed, else predicted."""
        self._begin()
        rest = [a for a in dict.fromkeys(architectures) if a not in self.values]
        predicted = dict(zip(rest, self._predicted(rest), strict=True))
        return [self.values[a] if a in self.values else predicted[a] for a in architectures]

    def compute(self, architectures: Sequence[Architecture]) -> bool:
        """Compute some from now on; whether any of them was not."""
        self._begin()
        before = len(self.values)
        super().__call__(architectures)
        return len(self.values) > before

    def rough(self) -> Measure:
        """This estimate as a measure of which nothing is computed on demand."""
        return _Rough(self)

    def _begin(self) -> None:
        if self.values:
            return
        space = self._space
        every = space.size <= self._num_samples
        draws = (space.sample(self._rng) for _ in range(self._num_samples))
        super().__call__(list(space.enumerate() if every else draws))

    def _predicted(self, architectures: Sequence[Architecture]) -> list[float]:
        if not architectures:
            return []
        if self._predictor is None or len(self.values) > _GROWTH * self._num_fitted:
            self._num_fitted = len(self.values)
            newest = list(self.values)[-_FITTED:]  # near what the search is about
            self._predictor = self._new_predictor(self._space)
            self._predictor.fit(newest, [self.values[a] for a in newest])
        return self._predictor.predict(architectures)


class _Rough:
    """The numbers of an estimate as they are."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self.name, self.unit = estimate.name, estimate.unit

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        return self._estimate(architectures)
