"""Ridge regression on an encoding and its products."""

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import PolynomialFeatures

from hypernas.border import checked
from hypernas.predictors.regressor import Features, Floats, Regressor, State
from hypernas.space.search_space import SearchSpace


class Ridge(Regressor):
    """Linear function of the features and their products, with squared coefficients held small.

    How small is chosen by leave-one-out error. Cheap, and hard to beat from few points.

    Args:
        degree: of the products; 1 for features alone.
        alphas: penalties to choose from, for features of variance 1.
        relative: make errors small in parts of the value, which must be positive, as of latencies.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        *,
        degree: int = 2,
        alphas: Sequence[float] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3),
        relative: bool = True,
        features: Features | None = None,
    ) -> None:
        super().__init__(space, features=features, settings={"degree": degree}, positive=relative)
        self.degree, self.alphas, self.relative = degree, tuple(alphas), relative

    def learn(self, features: Floats, values: Floats) -> State:
        products = self._products(features)
        mean, scale = products.mean(0), products.std(0)
        scale[scale < 1e-9] = 1.0
        unit = np.abs(values).mean() or 1.0
        weights = (unit / values) ** 2 if self.relative else np.ones_like(values)
        ridge = RidgeCV(alphas=list(self.alphas))  # a tuple of one fails in scikit-learn 1.9
        ridge.fit((products - mean) / scale, values / unit, sample_weight=weights / weights.mean())
        slopes = ridge.coef_ / scale * unit
        return {"slopes": slopes, "start": np.array(ridge.intercept_ * unit - mean @ slopes)}

    def answer(self, features: Floats, state: State) -> Floats:
        return self._products(features) @ state["slopes"] + state["start"]

    def _products(self, features: Floats) -> Floats:  # shape: (N, number of products)
        return PolynomialFeatures(self.degree, include_bias=False).fit_transform(features)
