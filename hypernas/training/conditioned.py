"""A subnet whose weights follow the condition of each batch."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from hypernas.conditions import Condition
from hypernas.generators import Generator
from hypernas.generators.mode import evaluating
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.norms import average_statistics


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
