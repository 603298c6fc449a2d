"""Gaussian processes over architectures."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypernas.border import checked
from hypernas.predictors.predictor import Predictor
from hypernas.predictors.state import label, read_state, write_state
from hypernas.predictors.uncertain import Uncertain
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.choice import Choice

# Legend: N architectures that were fitted, M others, C choices.
Floats = NDArray[np.floating[Any]]

_STARTS = (0.06, 0.25, 1.0, 4.0)  # weights of all choices to begin with
_NOISES = (1e-4, 1e-3, 1e-2, 0.05, 0.2)  # variances, in units of that of the process
_BOUNDS = (0.005, 100.0)  # of weights
_PENALTY = 0.05  # of a weight's squared logarithm: few values say little about many weights
_SWEEPS = 2  # through all weights


class GaussianProcess(Predictor, Uncertain):
    """Gaussian process with a squared-exponential kernel and a weight for each choice.

    The squared distance of two architectures is a weighted sum over choices: of the squared difference
    of positions where values are ordered (ends are 1 apart), and of 1 where categories differ. Where only
    one of them has the choice it is of 1 and the squared distance from the middle, if values are ordered
    (1 to 1.25 in all), or of 1.5; where neither has, nothing. Weights and the noise's variance maximise the likelihood
    (Rasmussen and Williams, 2006, equation 5.8), its scale put in, less a penalty that keeps
    weights near 1; by going through them one by one, so that a fit is the same whenever it is repeated.

    Work grows with the cube of the number of architectures: made for some hundreds of them.

    Args:
        space: of the architectures.
    """

    @checked
    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._fitted: _Fitted | None = None

    def fit(self, architectures: Sequence[Architecture], values: Sequence[float]) -> None:
        targets = np.asarray(values, dtype=float)
        if len(targets) < 2 or len(architectures) != len(targets) or not np.isfinite(targets).all():
            raise ValueError(
                f"a Gaussian process needs two or more architectures with one finite value each, got "
                f"{len(architectures)} architectures and the values {list(values)}."
            )
        distances = self._distances(architectures, architectures)
        centre, scale = float(targets.mean()), float(targets.std()) or 1.0
        weights, noise = _likeliest(distances, (targets - centre) / scale)
        self._set(architectures, targets, weights, noise)

    def _set(
        self,
        architectures: Sequence[Architecture],
        targets: Floats,  # shape: (N,)
        weights: Floats,  # shape: (C,)
        noise: float,
    ) -> None:
        centre, scale = float(targets.mean()), float(targets.std()) or 1.0
        distances = self._distances(architectures, architectures)
        factor = np.linalg.cholesky(_kernel(distances, weights) + noise * np.eye(len(targets)))
        whitened = np.linalg.solve(factor, (targets - centre) / scale)
        self._fitted = _Fitted(
            list(architectures), targets, weights, noise, factor, whitened, centre, scale
        )

    def predict(self, architectures: Sequence[Architecture]) -> list[float]:
        fitted, projected = self._projected(architectures)
        return (fitted.centre + fitted.scale * (projected.T @ fitted.whitened)).tolist()

    def deviations(self, architectures: Sequence[Architecture]) -> list[float]:
        fitted, projected = self._projected(architectures)
        left = np.clip(1 - (projected**2).sum(0), 0, None)
        amplitude = fitted.scale * np.sqrt(np.mean(fitted.whitened**2))
        return (amplitude * np.sqrt(left)).tolist()

    def _projected(
        self, architectures: Sequence[Architecture]
    ) -> tuple["_Fitted", Floats]:  # shape: (N, M)
        if self._fitted is None:
            raise ValueError("this Gaussian process knows no values: call fit first.")
        across = self._distances(self._fitted.architectures, architectures)
        kernel = _kernel(across, self._fitted.weights)
        return self._fitted, np.linalg.solve(self._fitted.factor, kernel)

    def _distances(
        self, rows: Sequence[Architecture], columns: Sequence[Architecture]
    ) -> list[Floats]:  # for each choice that has more than one state, shape: (rows, columns)
        found = []
        for name, choice in self._space.choices.items():
            if len(choice.values) == 1 and not choice.when:
                continue
            first, second = _coordinates(name, choice, rows), _coordinates(name, choice, columns)
            found.append(
                sum((a[:, None] - b[None]) ** 2 for a, b in zip(first, second, strict=True))
            )
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        if self._fitted is None:
            raise ValueError("this Gaussian process knows no values: call fit before save.")
        state = {
            "places": np.array([self._places(a) for a in self._fitted.architectures]),
            "values": self._fitted.targets,
            "weights": self._fitted.weights,
            "noise": np.array(self._fitted.noise),
        }
        write_state(path, state, self._label)

    def load(self, path: str | os.PathLike[str]) -> None:
        state = read_state(path, self._label)
        self._set(
            [self._architecture(row) for row in state["places"].tolist()],
            state["values"],
            state["weights"],
            float(state["noise"]),
        )

    @property
    def _label(self) -> dict[str, Any]:
        return label("GaussianProcess", {}, self._space)

    def _places(self, architecture: Architecture) -> list[int]:  # of each choice; -1 if it has none
        return [
            choice.values.index(architecture[name]) if name in architecture else -1
            for name, choice in self._space.choices.items()
        ]

    def _architecture(self, places: Sequence[int]) -> Architecture:
        choices = zip(self._space.choices.items(), places, strict=True)
        return self._space.architecture(
            {name: choice.values[place] for (name, choice), place in choices if place >= 0}
        )


@dataclass(frozen=True)
class _Fitted:
    architectures: list[Architecture]
    targets: Floats  # shape: (N,)
    weights: Floats  # shape: (C,)
    noise: float
    factor: Floats  # shape: (N, N), lower triangle
    whitened: Floats  # shape: (N,)
    centre: float
    scale: float


def _coordinates(name: str, choice: Choice, architectures: Sequence[Architecture]) -> list[Floats]:
    """One or more numbers of each architecture, between which distances mean something."""
    position = {value: i for i, value in enumerate(choice.values)}
    places = np.array([position[a[name]] if name in a else -1 for a in architectures])
    there = places >= 0
    last = max(len(choice.values) - 1, 1)
    if choice.ordered:
        columns = [np.where(there, places / last, 0.5)]
    else:
        columns = [np.where(places == i, 0.5**0.5, 0.0) for i in range(last + 1)]
    return [*columns, there.astype(float)] if choice.when else columns


def _kernel(distances: Sequence[Floats], weights: Floats) -> Floats:
    total = np.zeros_like(distances[0])
    for weight, distance in zip(weights, distances, strict=True):
        total += weight * distance
    return np.exp(-0.5 * total)


def _likelihood(kernel: Floats, targets: Floats, noise: float, weights: Floats) -> float:
    """The logarithm, up to a constant, of the process's scale that fits best, less the penalty."""
    factor = np.linalg.cholesky(kernel + noise * np.eye(len(targets)))
    whitened = np.linalg.solve(factor, targets)
    scale = max(float(np.mean(whitened**2)), 1e-12)
    fit = -0.5 * len(targets) * np.log(scale) - np.log(np.diag(factor)).sum()
    return float(fit - _PENALTY * (np.log(weights) ** 2).sum())


def _likeliest(
    distances: Sequence[Floats],
    targets: Floats,  # mean 0, variance 1
) -> tuple[Floats, float]:
    """Weights and noise, by coordinate ascent from the best of a few starts."""

    def likelihood(weights: Floats, noise: float) -> float:
        return _likelihood(_kernel(distances, weights), targets, noise, weights)

    starts = [(np.full(len(distances), start), noise) for start in _STARTS for noise in _NOISES]
    values = [likelihood(*start) for start in starts]
    best = max(values)
    weights, noise = starts[values.index(best)]
    for _ in range(_SWEEPS):
        for k in range(len(distances)):
            for factor in (0.25, 4.0):
                changed = weights.copy()
                changed[k] = np.clip(factor * changed[k], *_BOUNDS)
                value = likelihood(changed, noise)
                if value > best:
                    best, weights = value, changed
        for other in _NOISES:
            value = likelihood(weights, other)
            if value > best:
                best, noise = value, other
    return weights, noise
