"""The additive and pairwise model of AOWS."""

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hypernas.border import checked
from hypernas.predictors.regressor import Floats, Regressor, State
from hypernas.space.architecture import Architecture
from hypernas.space.choice import Choice
from hypernas.space.search_space import SearchSpace

# Legend: N architectures, C choices, P parameters θ, H pairs of parameters that should ascend.

Pairs = Sequence[tuple[str, str]] | Literal["neighbours", "all"]


class Pairwise(Regressor):
    """A constant, a number for each value of a choice, and one for each two values of two choices.

    Berman et al., "AOWS: Adaptive and optimal network width search with latency constraints", 2020,
    CVPR, equations 4 and 5: least squares with θ >= 0, plus `monotony` times the squares of what a larger
    value costs less than the next smaller one, beside the same other value. What is absent is a level
    of its own. θ is not identifiable (a constant may move between terms), predictions are.

    We deviate in three points: errors are parts of the values, terms of one choice stand beside those
    of two, and the latter are held small, so that a pair that was not measured adds nothing.

    Args:
        pairs: of choices; "neighbours" in the space's order, as in a chain of layers, or "all".
        monotony: K of the paper, on values of mean 1.
        shrink: weight of the squares of pair terms, on values of mean 1.

    Raises:
        ValueError: if a pair is not of two choices of the space.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        *,
        pairs: Pairs = "neighbours",
        monotony: float = 100.0,
        shrink: float = 1e-3,
    ) -> None:
        names = list(space.choices)
        if isinstance(pairs, str):
            found = (
                itertools.combinations(names, 2) if pairs == "all" else itertools.pairwise(names)
            )
            pairs = list(found)
        if wrong := [p for p in pairs if len({*p} & {*names}) < 2]:
            raise ValueError(f"pairs must be of two choices each of {names}, got {wrong}.")
        self.terms = [(name,) for name in names] + [tuple(pair) for pair in pairs]
        super().__init__(
            space,
            features=self._levels,
            settings={"pairs": [list(pair) for pair in pairs]},
            positive=True,
        )
        self.monotony, self.shrink = monotony, shrink
        self._sizes = {n: len(c.values) + bool(c.when) for n, c in space.choices.items()}
        sizes = [int(np.prod(self._shape(term))) for term in self.terms]
        self._starts = np.cumsum([1, *sizes])  # of each term in θ, whose first is the constant

    def learn(
        self,
        features: Floats,  # shape: (N, C): numbers of levels
        values: Floats,  # shape: (N,)
    ) -> State:
        unit = values.mean()
        chosen, relative = self._chosen(features), unit / values
        smaller, larger = self._ascents()
        weights = np.zeros(self._starts[-1])
        weights[self._starts[len(self.space.choices)] :] = self.shrink

        def loss(theta: Floats) -> tuple[float, Floats]:
            errors = theta[chosen].sum(1) * relative - 1
            drops = np.maximum(0, theta[smaller] - theta[larger])
            slope = 2 * weights * theta
            np.add.at(slope, chosen, (2 * errors * relative)[:, None])
            np.add.at(slope, smaller, 2 * self.monotony * drops)
            np.add.at(slope, larger, -2 * self.monotony * drops)
            total = errors @ errors + self.monotony * (drops @ drops) + weights @ theta**2
            return float(total), slope

        start = np.full(self._starts[-1], 1 / chosen.shape[1])
        bounds = [(0, None)] * len(start)
        limits = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 30}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=limits)
        return {"theta": found.x * unit}

    def answer(self, features: Floats, state: State) -> Floats:
        return state["theta"][self._chosen(features)].sum(1)

    def table(self, *term: str) -> Floats:
        """θ of the values of one or two choices, in their order; of "absent" last, where it may be.

        The constant is `table()`. A prediction is the sum of all of `terms`, and it.

        Raises:
            ValueError: if there is no such term, or nothing was fitted.
        """
        theta = self._known()["theta"]
        if not term:
            return theta[0]
        if term not in self.terms:
            raise ValueError(f"{list(term)} is no term of the model, expected one of {self.terms}.")
        i = self.terms.index(term)
        return theta[self._starts[i] : self._starts[i + 1]].reshape(self._shape(term))

    def _levels(self, architecture: Architecture) -> list[int]:
        """The number of each choice's value; one more than there are where it is absent."""
        return [_level(c, n, architecture) for n, c in self.space.choices.items()]

    def _shape(self, term: Sequence[str]) -> tuple[int, ...]:
        return tuple(self._sizes[name] for name in term)

    def _chosen(self, features: Floats) -> NDArray[np.intp]:  # shape: (N, 1 + terms), places in θ
        levels = dict(zip(self.space.choices, features.astype(int).T, strict=True))
        places = [np.zeros(len(features), dtype=int)]
        for term, start in zip(self.terms, self._starts, strict=False):
            own = tuple(levels[name] for name in term)
            places.append(start + np.ravel_multi_index(own, self._shape(term)))
        return np.stack(places, axis=1)

    def _ascents(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:  # shape: (H,) each
        """Places in θ of a value of an ordered choice, and of its next larger one."""
        smaller, larger = [], []
        for term, start in zip(self.terms, self._starts, strict=False):
            places = start + np.arange(np.prod(self._shape(term))).reshape(self._shape(term))
            for axis, name in enumerate(term):
                choice = self.space.choices[name]
                if choice.ordered:
                    own = np.moveaxis(places, axis, 0)[: len(choice.values)]
                    smaller.append(own[:-1].ravel())
                    larger.append(own[1:].ravel())
        empty = [np.zeros(0, dtype=int)]
        return np.concatenate(empty + smaller), np.concatenate(empty + larger)


def _level(choice: Choice, name: str, architecture: Architecture) -> int:
    return choice.values.index(architecture[name]) if name in architecture else len(choice.values)
