"""LINAS: search on predictors that learn of every evaluation."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from hypernas.predictors import Predictor
from hypernas.predictors.gaussian_process import GaussianProcess
from hypernas.search.evaluated import Evaluated
from hypernas.search.front import Front
from hypernas.search.gain import most_gaining
from hypernas.search.guess import Guess
from hypernas.search.infeasible import Infeasible
from hypernas.search.nsga2 import Nsga2
from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture, SearchSpace
from hypernas.training.settings import check_ranges

_FEWEST = 3  # evaluations that predictors are fitted to
_POPULATION = 100  # of the inner search


class Linas(Search):
    """Predictors of every measure, searched in an inner loop for what to evaluate next.

    After Cummings et al., 2022, arXiv 2205.10358 (DyNAS-T, hardware-aware search): a random start, then, over and
    over, predictors are fitted to all that was told, a front is searched on what they predict, and the
    best of it that is new is evaluated. Ours differs in four points. Known measures are computed, not
    predicted, or predicted apart and computed of what is evaluated (`Estimate`). The predictor is a Gaussian process, and a prediction counts as better than it is by
    some of its standard deviations, so that what is not sure is looked at (Srinivas et al., 2010,
    arXiv 0912.3995). Of the inner front those are taken that would add the most hypervolume, one
    after the other. And predictors are fitted at every `ask`, not once in fifty evaluations.

    Args:
        initial: architectures before the first fit: the smallest, the largest, and random ones; 3 or more.
        predictor: a function of the space -> a new predictor.
        optimism: standard deviations by which a prediction counts as better; of no effect on
            predictors that are not `Uncertain`.
        inner_evaluations: predictions of the inner search. A space of at most as many architectures is
            predicted whole, others are searched by NSGA-II from the present front on.
        seed: of all draws.

    Raises:
        ValueError: if a setting is out of its range.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        initial: int = 10,
        predictor: Callable[[SearchSpace], Predictor] = GaussianProcess,
        optimism: float = 2.0,
        inner_evaluations: int = 5000,
        seed: int = 0,
    ) -> None:
        super().__init__(problem)
        check_ranges(
            "Linas",
            initial=(initial, (_FEWEST, math.inf)),
            optimism=(optimism, (0.0, math.inf)),
            inner_evaluations=(inner_evaluations, (1, math.inf)),
            seed=(seed, (0, math.inf)),
        )
        self._initial = initial
        self._predictor = predictor
        self._optimism = optimism
        self._inner_evaluations = inner_evaluations
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._region = Region(problem)
        self._whole = False  # whether all that is inside was guessed

    def propose(self, num: int) -> list[Architecture]:
        begun = len(self.told)
        if begun < self._initial:
            return self._first(min(num, self._initial - begun))
        guess = Guess(self.problem, self.told, predictor=self._predictor, optimism=self._optimism)
        found = self._settled(guess, self._candidates(guess), num)
        if self._whole:
            return found
        missing = num - len(found)  # where the inner search went through little that is new
        return [*found, *self._region.draw(missing, self._rng, {*self.asked, *found})]

    def _first(self, num: int) -> list[Architecture]:
        space = self.problem.space
        ends = dict.fromkeys(self._region.inside([space.smallest(), space.largest()]))
        new = [architecture for architecture in ends if architecture not in self.asked][:num]
        return new + self._region.draw(num - len(new), self._rng, {*self.asked, *new})

    def _candidates(self, guess: Guess) -> list[Evaluated]:
        """All that the inner search went through, but for what was asked."""
        space = self.problem.space
        if space.size <= self._inner_evaluations:
            every = self._region.seeming(list(space.enumerate()))
            self._whole = bool(every)
            return guess([one for one in every if one not in self.asked])
        found = Nsga2(
            self.problem.rough(),
            population=_POPULATION,
            start=[one.architecture for one in self._front()],
            seed=self._seed + len(self.told),
        )
        while len(found.told) < self._inner_evaluations and (batch := found.ask(_POPULATION)):
            found.tell(guess(batch))
        return [one for one in found.told if one.architecture not in self.asked]

    def _settled(
        self, guess: Guess, candidates: Sequence[Evaluated], num: int
    ) -> list[Architecture]:
        """The best, once what is estimated of them is computed and they still are."""
        problem = self.problem
        while True:
            found = self._best(candidates, num)
            if not problem.settle(found, problem.known):
                return found
            candidates = guess(self._region.seeming([one.architecture for one in candidates]))

    def _front(self) -> Sequence[Evaluated]:
        """The front of what was told; where nothing meets the constraints, nothing."""
        try:
            return Front.of(self.problem, self.told).points
        except Infeasible:
            return ()

    def _best(self, candidates: Sequence[Evaluated], num: int) -> list[Architecture]:
        """Those that add the most hypervolume; where none meets the constraints, the nearest."""
        problem = self.problem
        violations = [problem.violation(one.values) for one in candidates]
        within = [
            one for one, violation in zip(candidates, violations, strict=True) if not violation
        ]
        losses = np.array([problem.losses(one.values) for one in within])
        front = np.array([problem.losses(one.values) for one in self._front()])
        shape = (-1, len(problem.objectives))
        best = most_gaining(losses.reshape(shape), front.reshape(shape), num)
        chosen = [within[i].architecture for i in best]
        nearest = sorted(range(len(candidates)), key=violations.__getitem__)
        rest = [candidates[i].architecture for i in nearest if violations[i]]
        return [*chosen, *rest[: num - len(chosen)]]
