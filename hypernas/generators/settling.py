"""Settling what slicers leave free, by the loss."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from hypernas.generators.generator import Generator
from hypernas.generators.mixture import Mixture


def settle(
    generator: Generator,
    architecture: Mapping[str, Any],
    *inputs: Any,
    loss: Callable[[Any], Tensor],
    rng: torch.Generator,
    condition: Tensor | None = None,
) -> None:
    """Decide what slicers leave free for an architecture (see `Slicer.settle`), in place.

    Every mixture that a generator is, or is composed of, has a slicer; where none leaves anything
    free, nothing is computed. Gradients and norm statistics are not touched.

    Args:
        inputs: of the subnet.
        loss: outputs of the subnet -> what is to be small, shape ().
        rng: of the candidates, on the CPU.
        condition: as in `Generator.call`.
    """

    @torch.no_grad()
    def measure() -> float:
        copies = {
            name: tensor.clone() for name, tensor in generator.statistics(architecture).items()
        }
        outputs = generator.call(architecture, *inputs, condition=condition, statistics=copies)
        return float(loss(outputs))

    for part in generator.modules():
        if isinstance(part, Mixture):
            part.settle(architecture, measure, rng=rng)
