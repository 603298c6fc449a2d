"""The mean and the deviation of a batch as its condition."""

from typing import Any

import torch
from torch import Tensor

from hypernas.conditions.condition import Condition
from hypernas.subnet.arguments import Arguments


class BatchStatistics(Condition):
    """Mean and standard deviation of each channel of the first input: C = 2 channels.

    Weights then follow the data that they are to be used on, as batch norms do. The deviation is
    that of the batch itself (N in the denominator); both are of axis 1, over all other axes.
    """

    def __call__(self, inputs: Any) -> Tensor:
        first = Arguments.of(inputs).columns[0]
        if not first.is_floating_point() or first.dim() < 2:
            raise ValueError(
                f"the statistics of a batch need inputs of shape (N, channels, ...) that are "
                f"numbers, got {tuple(first.shape)} of {first.dtype}: give a condition of your own."
            )
        channels = first.movedim(1, 0).flatten(1)
        return torch.cat([channels.mean(1), channels.std(1, correction=0)])

    def rest(self, inputs: Any) -> Any:
        return inputs
