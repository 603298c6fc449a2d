"""Gradient-boosted trees on an encoding."""

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor

from hypernas.border import checked
from hypernas.predictors.regressor import Features, Floats, Regressor, State
from hypernas.space.search_space import SearchSpace


class Trees(Regressor):
    """Sum of regression trees, each fitted to what those before it left over, by scikit-learn.

    Friedman, "Greedy function approximation: a gradient boosting machine", 2001, Annals of
    Statistics 29. Sharp bends, such as those of caches, cost it little; it needs more points than a ridge.

    Args:
        num: trees.
        rate: part of its values that each tree gives.
        depth: of a tree; so many features may act on each other.
        part: of the points, drawn anew, from which each tree is fitted.
        relative: fit logarithms, so that errors are parts of the value, which must be positive.
        absolute: make the sum of absolute errors small, not that of squares: for values with outliers.
        seed: of the draws.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        *,
        num: int = 300,
        rate: float = 0.1,
        depth: int = 4,
        part: float = 0.7,
        relative: bool = True,
        absolute: bool = False,
        seed: int = 0,
        features: Features | None = None,
    ) -> None:
        super().__init__(
            space, features=features, settings={"relative": relative}, least=8, positive=relative
        )
        self.num, self.rate, self.depth, self.part = num, rate, depth, part
        self.relative, self.absolute, self.seed = relative, absolute, seed

    def learn(self, features: Floats, values: Floats) -> State:
        forest = GradientBoostingRegressor(
            loss="absolute_error" if self.absolute else "squared_error",
            n_estimators=self.num,
            learning_rate=self.rate,
            max_depth=self.depth,
            subsample=self.part,
            random_state=self.seed,
        )
        forest.fit(features.astype(np.float32), np.log(values) if self.relative else values)
        trees = [tree.tree_ for (tree,) in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees)])
        return {
            "start": np.asarray(forest.init_.constant_, dtype=float).reshape(()),
            "roots": roots[:-1],
            "left": _nodes([tree.children_left for tree in trees], roots),
            "right": _nodes([tree.children_right for tree in trees], roots),
            "feature": np.concatenate([tree.feature for tree in trees]),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "value": np.concatenate([tree.value[:, 0, 0] for tree in trees]) * self.rate,
        }

    def answer(self, features: Floats, state: State) -> Floats:
        inputs = features.astype(np.float32)  # as scikit-learn compares them
        rows = np.arange(len(inputs))[:, None]
        nodes = np.broadcast_to(
            state["roots"], (len(inputs), len(state["roots"]))
        )  # shape: (N, num)
        while (state["left"][nodes] != nodes).any():
            below = (
                inputs[rows, np.maximum(state["feature"][nodes], 0)] <= state["threshold"][nodes]
            )
            nodes = np.where(below, state["left"][nodes], state["right"][nodes])
        found = state["start"] + state["value"][nodes].sum(1)
        return np.exp(found) if self.relative else found


def _nodes(children: list[np.ndarray], roots: np.ndarray) -> np.ndarray:
    """Numbers of the children of all nodes of all trees; a leaf is its own child."""
    found = []
    for own, root in zip(children, roots, strict=False):
        itself = np.arange(len(own))
        found.append(np.where(own < 0, itself, own) + root)
    return np.concatenate(found)
