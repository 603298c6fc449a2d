"""A guess: the measures of architectures that were not evaluated."""

from collections.abc import Callable, Sequence

from hypernas.predictors import Predictor
from hypernas.predictors.uncertain import Uncertain
from hypernas.search.evaluated import Evaluated
from hypernas.search.problem import Problem
from hypernas.space import Architecture, SearchSpace


class Guess:
    """Values of the measures of a problem: computed where they are known, predicted elsewhere.

    Args:
        told: what predictors are fitted to.
        predictor: a function of the space -> a new predictor.
        optimism: standard deviations by which a predicted value is better than predicted: lower for
            what is to be small, by an objective or by a constraint.
    """

    def __init__(
        self,
        problem: Problem,
        told: Sequence[Evaluated],
        *,
        predictor: Callable[[SearchSpace], Predictor],
        optimism: float,
    ) -> None:
        self._problem = problem
        self._optimism = optimism
        self._upwards = {part.name for part in problem.constraints if not part.at_most}
        self._upwards |= {part.name for part in problem.objectives if part.maximize}
        self._predictors: dict[str, Predictor] = {}
        architectures = [one.architecture for one in told]
        for name in problem.names:
            if name not in problem.known:
                self._predictors[name] = predictor(problem.space)
                self._predictors[name].fit(architectures, [one.values[name] for one in told])

    def __call__(self, architectures: Sequence[Architecture]) -> list[Evaluated]:
        """The guessed values of each architecture."""
        if not architectures:
            return []
        columns = {name: self._predicted(name, architectures) for name in self._predictors}
        known = self._problem.known_values(architectures)
        return [
            Evaluated(architecture, values | {name: column[i] for name, column in columns.items()})
            for i, (architecture, values) in enumerate(zip(architectures, known, strict=True))
        ]

    def _predicted(self, name: str, architectures: Sequence[Architecture]) -> list[float]:
        predictor = self._predictors[name]
        values = predictor.predict(architectures)
        if not isinstance(predictor, Uncertain) or not self._optimism:
            return values
        by = self._optimism if name in self._upwards else -self._optimism
        deviations = predictor.deviations(architectures)
        return [value + by * d for value, d in zip(values, deviations, strict=True)]
