"""Architectures that are decided on by a look at their losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture

Losses = Callable[
    [Sequence[Architecture]], Sequence[float]
]  # on this step's batch, without gradients


class Contest(ABC):
    """A second interface of a sampler: it looks at candidates on the batch of the step before it decides.

    A look is a forward pass, which counts in the compute of a step. It moves nothing: neither running
    statistics nor torch's random state.
    """

    @abstractmethod
    def decide(
        self, space: SearchSpace, rng: torch.Generator, losses: Losses
    ) -> list[Architecture]:
        """The architectures of a step, in the place of those that a call gives; the same on all ranks."""
