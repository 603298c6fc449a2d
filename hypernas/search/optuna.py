"""Any sampler of Optuna."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture
from hypernas.space.architecture import Value
from hypernas.training.settings import check_ranges

_TRIES = 5  # trials for one that is new and within the constraints


class Optuna(Search):
    """Search by a sampler of Optuna, which is an extra: pip install 'hypernas[optuna]'.

    Choices are suggested one by one, ordered ones as integers, only those that are active. A trial that
    comes back to what was evaluated is told its values again, and costs nothing. One that violates
    constraints is told to be worse than all within them, the more the further outside; if they are
    known it is not evaluated. Where the sampler brings nothing new, random architectures take its place.

    Args:
        sampler: a function of `seed` -> `optuna.samplers.BaseSampler`; None for Optuna's own TPE.
        seed: of the sampler.

    Raises:
        ImportError: if Optuna is not installed.
        ValueError: if the seed is none of numpy's.
    """

    def __init__(
        self, problem: Problem, *, sampler: Callable[..., Any] | None = None, seed: int = 0
    ) -> None:
        super().__init__(problem)
        check_ranges("Optuna", seed=(seed, (0, 2**32 - 1)))
        try:
            import optuna
        except ImportError:
            raise ImportError(
                "search=optuna needs the package optuna, which is not installed: "
                "pip install 'hypernas[optuna]'"
            ) from None
        minimize = optuna.study.StudyDirection.MINIMIZE
        self._failed = optuna.trial.TrialState.FAIL
        self._region = Region(problem)
        self._rng = np.random.default_rng(seed)
        self._trials: dict[Architecture, Any] = {}  # that wait for their values
        self._num_told = 0
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            sampler=(sampler or optuna.samplers.TPESampler)(seed=seed),
            directions=[minimize] * len(problem.objectives),
        )
        optuna.logging.set_verbosity(verbosity)

    def propose(self, num: int) -> list[Architecture]:
        told = {one.architecture: one.values for one in self.told}
        for one in self.told[self._num_told :]:
            if one.architecture in self._trials:
                self._finish(self._trials.pop(one.architecture), self._losses(one.values))
        self._num_told = len(self.told)
        found: dict[Architecture, None] = {}
        for _ in range(_TRIES * num):
            if len(found) == num:
                break
            trial = self._study.ask()
            architecture = self._suggested(trial)
            self._region.inside([architecture])  # computes what seems to be inside
            (violation,) = self._region.violations([architecture])
            if architecture in told:
                self._finish(trial, self._losses(told[architecture]))
            elif violation:
                self._finish(trial, self._beyond(violation))
            elif architecture in found:
                self._study.tell(trial, state=self._failed)
            else:
                found[architecture] = None
                self._trials[architecture] = trial
        missing = num - len(found)
        return [*found, *self._region.draw(missing, self._rng, {*self.asked, *found})]

    def _suggested(self, trial: Any) -> Architecture:
        values: dict[str, Value] = {}
        for name, choice in self.problem.space.choices.items():
            if not choice.active(values):
                continue
            last = len(choice.values) - 1
            if choice.ordered:
                place = trial.suggest_int(name, 0, last)
            else:
                place = trial.suggest_categorical(name, list(range(last + 1)))
            values[name] = choice.values[place]
        return self.problem.space.architecture(values)

    def _losses(self, values: Mapping[str, float]) -> list[float]:
        violation = self.problem.violation(values)
        return self._beyond(violation) if violation else list(self.problem.losses(values))

    def _beyond(self, violation: float) -> list[float]:
        """Losses worse than all that were told within the constraints; none, if there are none."""
        within = [one.values for one in self.told if not self.problem.violation(one.values)]
        columns = zip(*map(self.problem.losses, within), strict=True)
        spans = [(max(column), max(column) - min(column)) for column in columns]
        return [worst + (1 + violation) * (span or 1.0) for worst, span in spans]

    def _finish(self, trial: Any, losses: list[float]) -> None:
        if losses:
            self._study.tell(trial, losses)
        else:
            self._study.tell(trial, state=self._failed)
