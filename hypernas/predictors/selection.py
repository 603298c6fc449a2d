"""The best of several predictors, by cross-validation."""

import os
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import mean_absolute_percentage_error

from hypernas.predictors.predictor import Predictor
from hypernas.space.architecture import Architecture


class Best(Predictor):
    """One of several predictors: that whose mean relative error on points left out is least.

    Points are divided into folds at random; each predictor is fitted without a fold, and judged on
    it. The one that is chosen is then fitted to all. So LINAS chooses (Cummings et al., 2022, arXiv
    2205.10358; DyNAS-T).

    Args:
        num_folds: at most as many as points.
        seed: of the division.

    Attributes:
        chosen: the predictor, once fitted or loaded.
        errors: of each predictor on the points left out, in parts of the values.
    """

    def __init__(
        self, predictors: Sequence[Predictor], *, num_folds: int = 5, seed: int = 0
    ) -> None:
        if not predictors or num_folds < 2:
            raise ValueError(
                f"expected one or more predictors and two or more folds, got {len(predictors)} and {num_folds}."
            )
        self.predictors, self.num_folds, self.seed = tuple(predictors), num_folds, seed
        self.chosen: Predictor | None = None
        self.errors: list[float] = []

    def fit(self, architectures: Sequence[Architecture], values: Sequence[float]) -> None:
        order = np.random.default_rng(self.seed).permutation(len(architectures))
        folds = np.array_split(order, min(self.num_folds, max(2, len(order))))
        self.errors = [self._error(p, architectures, values, folds) for p in self.predictors]
        best = self.predictors[int(np.argmin(self.errors))]
        best.fit(architectures, values)
        self.chosen = best

    def predict(self, architectures: Sequence[Architecture]) -> list[float]:
        return self._known().predict(architectures)

    def save(self, path: str | os.PathLike[str]) -> None:
        self._known().save(path)

    def load(self, path: str | os.PathLike[str]) -> None:
        told = []
        for predictor in self.predictors:
            try:
                predictor.load(path)
            except ValueError as error:
                told.append(str(error))
            else:
                self.chosen = predictor
                return
        raise ValueError("\n".join(dict.fromkeys(told)))

    def _error(
        self,
        predictor: Predictor,
        architectures: Sequence[Architecture],
        values: Sequence[float],
        folds: Sequence[np.ndarray],
    ) -> float:
        predicted = np.zeros(len(architectures))
        for fold in folds:
            left_out = {int(i) for i in fold}
            kept = [i for i in range(len(architectures)) if i not in left_out]
            predictor.fit([architectures[i] for i in kept], [values[i] for i in kept])
            predicted[fold] = predictor.predict([architectures[i] for i in fold])
        return float(mean_absolute_percentage_error(values, predicted))

    def _known(self) -> Predictor:
        if self.chosen is None:
            raise ValueError("no predictor was chosen yet: call fit or load first.")
        return self.chosen
