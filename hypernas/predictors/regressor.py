"""A predictor that regresses on features, and whose knowledge is a few arrays."""

import json
import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypernas.predictors.predictor import Predictor
from hypernas.predictors.state import State, label, read_state, write_state
from hypernas.space.architecture import Architecture
from hypernas.space.encoding import Encoding
from hypernas.space.search_space import SearchSpace

# Legend: N architectures, F features.

Floats = NDArray[np.float64]
Features = Callable[[Architecture], ArrayLike]  # -> shape: (F,)


class Regressor(Predictor):
    """Function of features, whose state is arrays by name.

    Args:
        features: of an architecture; by default its `Encoding`.
        settings: JSON of what decides how a state is read; files of other settings are refused.
        least: different architectures from which it can be fitted.
        positive: refuse values of 0 or less, of which relative errors say nothing.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        features: Features | None = None,
        settings: Mapping[str, Any],
        least: int = 4,
        positive: bool = False,
    ) -> None:
        self.space, self.least, self.positive = space, least, positive
        self._features = features or Encoding(space)
        self._settings = json.loads(json.dumps(settings))
        self._state: State | None = None

    @abstractmethod
    def learn(
        self,
        features: Floats,  # shape: (N, F)
        values: Floats,  # shape: (N,)
    ) -> State:
        """Learn the values of features."""

    @abstractmethod
    def answer(
        self,
        features: Floats,  # shape: (N, F)
        state: State,
    ) -> Floats:  # shape: (N,)
        """The values of features, by what was learned."""

    def fit(self, architectures: Sequence[Architecture], values: Sequence[float]) -> None:
        architectures = [self.space.architecture(a) for a in architectures]
        numbers = np.asarray(values, dtype=float)
        self._check(architectures, numbers)
        self._state = self.learn(self._table(architectures), numbers)

    def predict(self, architectures: Sequence[Architecture]) -> list[float]:
        state = self._known()
        if not architectures:
            return []
        rows = self._table([self.space.architecture(a) for a in architectures])
        return self.answer(rows, state).tolist()

    def save(self, path: str | os.PathLike[str]) -> None:
        write_state(path, self._known(), self._label)

    def load(self, path: str | os.PathLike[str]) -> None:
        self._state = read_state(path, self._label)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def _label(self) -> dict[str, Any]:
        return label(self._name, self._settings, self.space)

    def _table(self, architectures: Sequence[Architecture]) -> Floats:  # shape: (N, F)
        return np.array([np.asarray(self._features(a), dtype=float) for a in architectures])

    def _known(self) -> State:
        if self._state is None:
            raise ValueError(f"{self._name} knows nothing yet: call fit or load first.")
        return self._state

    def _check(self, architectures: Sequence[Architecture], values: Floats) -> None:
        if values.shape != (len(architectures),):
            raise ValueError(
                f"{self._name} needs one value for each of the {len(architectures)} architectures, got "
                f"values of shape {values.shape}."
            )
        if (num := len(set(architectures))) < self.least:
            raise ValueError(
                f"{self._name} needs {self.least} or more different architectures with their values to be "
                f"fitted, got {num}: measure more."
            )
        wrong = ~np.isfinite(values) | ((values <= 0) & self.positive)
        if wrong.any():
            allowed = "finite and positive" if self.positive else "finite"
            raise ValueError(
                f"{self._name} needs values that are {allowed}, got "
                f"{values[wrong][:5].tolist()} (of {wrong.sum()}): leave those architectures out."
            )
