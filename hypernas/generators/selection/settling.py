"""Settling what slicers leave free, by the loss."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from hypernas.generators.generator import Generator
from hypernas.generators.selection.slicer import Slicer


def settles(generator: Generator) -> bool:
    """Whether slicers of a generator leave anything to `settle`."""
    return any(part.settles for part in generator.modules() if isinstance(part, Slicer))


def settle(
    generator: Generator,
    architecture: Mapping[str, Any],
    *inputs: Any,
    loss: Callable[[Any], Tensor],
    rng: torch.Generator,
    condition: Tensor | None = None,
) -> None:
    """Decide what slicers leave free for an architecture (see `Slicer.settle`), in place.

    Where nothing is free, nothing is computed. Gradients, norm statistics and torch's global generators
    are not touched; candidates are compared under the same dropout.

    Args:
        inputs: of the subnet.
        loss: outputs of the subnet -> what is to be small, shape ().
        rng: of the candidates, on the CPU.
        condition: as in `Generator.call`.
    """

    gpus = [generator.device] if generator.device.type == "cuda" else []

    @torch.no_grad()
    def measure() -> float:
        copies = {
            name: tensor.clone() for name, tensor in generator.statistics(architecture).items()
        }
        with torch.random.fork_rng(devices=gpus):
            outputs = generator.call(architecture, *inputs, condition=condition, statistics=copies)
        return float(loss(outputs))

    generator.settle(architecture, measure, rng=rng)
