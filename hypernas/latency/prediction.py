"""Costs that are predicted from those of some architectures."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from hypernas.cost.cost import Cost
from hypernas.latency.latency import Latency
from hypernas.predictors.predictor import Predictor
from hypernas.predictors.ridge import Ridge
from hypernas.space.architecture import Architecture
from hypernas.space.search_space import SearchSpace


class Predicted(Cost):
    """A cost by a predictor, which is fitted to random architectures whose cost is measured first.

    Name and unit are those of the cost. Measuring waits until something is asked for. How well it
    predicts is told by `hypernas.evaluation.judge(cost.predictor, *cost.held_out)`.

    Args:
        example: inputs of a batch, which the cost is called with.
        cost: (space, example) -> the cost that is to be predicted.
        predictor: space -> predictor.
        num: architectures to fit to; all there are, in a smaller space.
        num_held_out: further ones that are measured and not fitted to.
        seed: of the random ones, which are different where the space has so many.

    Raises:
        ValueError: if the space has not enough architectures to hold so many out.

    Attributes:
        predictor: fitted, once something was asked for.
        held_out: architectures and their measured costs.
    """

    def __init__(
        self,
        space: SearchSpace,
        example: Any,
        *,
        cost: Callable[[SearchSpace, Any], Cost] = Latency,
        predictor: Callable[[SearchSpace], Predictor] = Ridge,
        num: int = 100,
        num_held_out: int = 0,
        seed: int = 0,
    ) -> None:
        if num_held_out and num + num_held_out > space.size:
            raise ValueError(
                f"num={num} and num_held_out={num_held_out} are more than the {space.size} architectures of "
                f"the space: take fewer."
            )
        self.space, self.cost = space, cost(space, example)
        self.name, self.unit = self.cost.name, self.cost.unit
        self.predictor = predictor(space)
        self.num, self.num_held_out, self.seed = num, num_held_out, seed
        self.held_out: tuple[list[Architecture], list[float]] = ([], [])
        self._fitted = False

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        if not self._fitted:
            self._fit()
        return self.predictor.predict(architectures)

    def _fit(self) -> None:
        drawn = self._drawn()
        values = self.cost(drawn)
        self.predictor.fit(drawn[: self.num], values[: self.num])
        self.held_out = drawn[self.num :], values[self.num :]
        self._fitted = True

    def _drawn(self) -> list[Architecture]:
        wanted = self.num + self.num_held_out
        if wanted >= self.space.size:
            return list(self.space.enumerate())
        rng = torch.Generator().manual_seed(self.seed)
        found: dict[Architecture, None] = {}
        while len(found) < wanted:
            found[self.space.sample(rng)] = None
        return list(found)
