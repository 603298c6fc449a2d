"""Additive models of a measure over the active choices, and over neighbours among them."""

import itertools
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from hypernas.search.chain import Floats
from hypernas.space import Architecture, SearchSpace
from hypernas.space.architecture import Value

# Legend: N architectures, F features, S values of a choice, T values of another.

_PENALTIES = 10.0 ** np.arange(-8, 3)


class Additive:
    """Sum of a number for each value of each active choice; with `pairs`, for those of neighbours too.

    Fitted by ridge regression; the penalty has the least error by generalised cross-validation (Golub,
    Heath and Wahba, 1979, Technometrics 21). The numbers themselves mean nothing, as what is added to
    one choice can be taken from another; sums do. A pair that was never seen adds nothing.

    Args:
        pairs: of each choice and the active one after it, as latencies of layers that follow one
            another (Berman et al., 2020, arXiv 2006.09876, equation 3).
        architectures: N of the space.
        values: N numbers.
    """

    def __init__(
        self,
        space: SearchSpace,
        architectures: Sequence[Architecture],
        values: Sequence[float],
        *,
        pairs: bool,
    ) -> None:
        self._space = space
        self._pairs = pairs
        rows = [list(self._features(architecture)) for architecture in architectures]
        places = {key: i for i, key in enumerate(dict.fromkeys(itertools.chain(*rows)))}
        design = np.zeros((len(rows), len(places)))
        for i, row in enumerate(rows):
            design[i, [places[key] for key in row]] = 1
        self.constant, weights = _ridge(design, np.asarray(values, dtype=float))
        self._weights = dict(zip(places, weights.tolist(), strict=True))

    def _features(self, architecture: Architecture) -> Iterator[Hashable]:
        items = [(name, architecture[name]) for name in self._space.choices if name in architecture]
        yield from items
        if self._pairs:
            yield from itertools.pairwise(items)

    def states(self, name: str, values: Sequence[Value]) -> Floats:  # shape: (S,)
        """The numbers of some values of a choice."""
        return np.array([self._weights.get((name, value), 0.0) for value in values])

    def neighbours(
        self, first: tuple[str, Sequence[Value]], second: tuple[str, Sequence[Value]]
    ) -> Floats:  # shape: (S, T)
        """The numbers of values of a choice and of the one after it."""
        return np.array(
            [
                [self._weights.get(((first[0], a), (second[0], b)), 0.0) for b in second[1]]
                for a in first[1]
            ]
        )


def _ridge(
    design: Floats,  # shape: (N, F)
    values: Floats,  # shape: (N,)
) -> tuple[float, Floats]:  # constant, shape: (F,)
    centre, means = values.mean(), design.mean(0)
    left, singular, right = np.linalg.svd(design - means, full_matrices=False)
    projected = left.T @ (values - centre)
    errors = []
    for penalty in _PENALTIES * max(float(singular[0] ** 2), 1e-12) / len(values):
        shrink = singular**2 / (singular**2 + penalty)
        residual = values - centre - left @ (shrink * projected)
        free = max(len(values) - 1 - shrink.sum(), 1e-9)
        errors.append(((residual**2).sum() * len(values) / free**2, penalty))
    penalty = min(errors)[1]
    weights = right.T @ (singular / (singular**2 + penalty) * projected)
    return float(centre - means @ weights), weights


def branches(space: SearchSpace, limit: int = 4096) -> list[dict[str, Sequence[Value]]]:
    """The active choices and their values, for each way to fix those that others depend on.

    Within a branch the active choices are always the same, so that they form a chain.

    Raises:
        ValueError: if there are more than `limit`.
    """
    parents = {name for choice in space.choices.values() for name in choice.when}
    found: list[dict[str, Sequence[Value]]] = [{}]
    for name, choice in space.choices.items():
        longer: list[dict[str, Sequence[Value]]] = []
        for branch in found:
            fixed = {key: values[0] for key, values in branch.items() if key in parents}
            if not choice.active(fixed):
                longer.append(branch)
            elif name in parents:
                longer += [{**branch, name: (value,)} for value in choice.values]
            else:
                longer.append({**branch, name: choice.values})
        found = longer
        if len(found) > limit:
            raise ValueError(
                f"aows goes through each way to fix the choices that others depend on, at most "
                f"{limit:,} of them: {sorted(parents)} have more. Use linas or evolution."
            )
    return found
