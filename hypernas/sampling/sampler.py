"""Samplers: the architectures that a training step trains."""

from abc import ABC, abstractmethod

import torch

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


class Sampler(ABC):
    """Draws the architectures of one step; a pure function of the space and the generator's state."""

    @abstractmethod
    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        """One or more architectures; a teacher, if there is one, comes first."""
