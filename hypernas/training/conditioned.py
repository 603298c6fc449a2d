"""A subnet whose weights follow the condition of each batch."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hypernas.conditions import Condition
from hypernas.generators import Generator
from hypernas.generators.mode import evaluating
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.norms import average_statistics


@dataclass(frozen=True)
class Static:
    """Weights that stand for those of many batches: their mean.

    Of a mixture of experts (W = Σ_k c_k B_k) these are the weights of the mean coefficients.

    Attributes:
        weights: by parameter name.
        disagreement: √(mean_b ‖W_b - mean W‖² / mean_b ‖W_b‖²), how far weights of batches are apart: 0 where all are the same.
    """

    weights: dict[str, Tensor]
    disagreement: float


class ConditionedSubnet:
    """Inputs of a batch -> outputs, on weights generated for the condition of that batch.

    Args:
        statistics: of batch norms, from `calibrate`; None for the generator's own.
    """

    def __init__(
        self,
        generator: Generator,
        architecture: Architecture,
        condition: Condition,
        *,
        statistics: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.generator, self.architecture, self.condition = generator, architecture, condition
        self.statistics = statistics

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        return self._run(Arguments(inputs, keywords), self.statistics)

    @torch.no_grad()
    def static(self, batches: Iterable[Any]) -> Static:
        """One set of weights for all inputs, from batches of them.

        Raises:
            ValueError: if there is none.
        """
        total: dict[str, Tensor] = {}
        squares, num = 0.0, 0
        with evaluating(self.generator):
            for batch in batches:
                condition = self.condition(Arguments.of(batch).as_inputs())
                own = self.generator(self.generator.subnet(self.architecture, condition))
                total = {name: total.get(name, 0) + weight.double() for name, weight in own.items()}
                squares += sum(w.double().square().sum().item() for w in own.values())
                num += 1
        if not num:
            raise ValueError("static weights are the mean over batches, of which there are none.")
        means = {name: weight / num for name, weight in total.items()}
        of_means = sum(mean.square().sum().item() for mean in means.values())
        apart = math.sqrt(max(0.0, 1 - of_means / (squares / num)))
        like = self.generator.dtype
        return Static({name: mean.to(like) for name, mean in means.items()}, apart)

    def calibrate(self, batches: Iterable[Any]) -> dict[str, Tensor]:
        """Fresh norm statistics from batches of inputs, each on the weights for its own condition.

        Raises:
            ValueError: if there are norms to calibrate and no batch.
        """
        subnet = self.generator.subnet(
            self.architecture, torch.zeros(self.generator.condition_dim)
        )  # for the module alone, which knows no condition
        with torch.no_grad(), evaluating(self.generator):
            subnet.target.train(False)
            own = self.generator.statistics(subnet).tensors
            return average_statistics(
                subnet.target.module,
                lambda batch, kept: self._run(Arguments.of(batch), kept),
                batches,
                own,
            )

    def _run(self, inputs: Arguments, statistics: Mapping[str, Tensor] | None) -> Any:
        given = inputs.as_inputs()
        subnet = self.generator.subnet(self.architecture, self.condition(given))
        rest = Arguments.of(self.condition.rest(given))
        return self.generator.call(subnet, rest, statistics=statistics)
