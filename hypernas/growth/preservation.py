"""Preservation of the members' outputs by a growth, and statistics to be measured anew after it."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators import Generator
from hypernas.generators.mode import evaluating
from hypernas.subnet.structure import tensors


@checked
@torch.no_grad()
def deviation(
    grown: Generator,
    members: Sequence[Generator],
    *inputs: Any,
    average: bool = False,
    **keywords: Any,
) -> float:
    """Distance of the outputs from the sum of the members', or from their mean.

    The largest absolute difference, in units of the largest output of the sum, or 1 if that is less;
    of several outputs, the largest of any. In evaluation mode, with the running statistics.
    """
    outputs = []
    for generator in (grown, *members):
        with evaluating(generator):
            found = generator.call(generator.space.largest(), *inputs, **keywords)
            outputs.append(list(tensors(found)))
    return max(_deviation(*same, average=average) for same in zip(*outputs, strict=True))


def _deviation(found: Tensor, *own: Tensor, average: bool) -> float:
    expected = sum(own[1:], own[0]) / (len(own) if average else 1)
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1))


@checked
@torch.no_grad()
def recalibrate(generator: Generator, batches: Iterable[Any]) -> None:
    """Replace the norm statistics of a generator's only architecture by those of batches of inputs.

    Grown batch norms have those of the members, one after the other, but sum what new blocks add.

    Raises:
        ValueError: if there are norms to calibrate and no batch.
    """
    architecture = generator.space.largest()
    fresh = generator.calibrate(architecture, batches)
    generator.statistics(architecture).fill(fresh)
