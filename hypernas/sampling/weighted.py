"""Weights of the architectures of a step."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from hypernas.sampling.sampler import Sampler
from hypernas.space.architecture import Architecture


class Weighted(ABC):
    """A second interface of a sampler: it weighs the losses of the architectures it drew."""

    @abstractmethod
    def weights(self, architectures: Sequence[Architecture]) -> Sequence[float]:
        """The factor of each one's loss in the gradient, 1 being what it is without; the same on all
        ranks."""


def weights_of(sampler: Sampler, architectures: Sequence[Architecture]) -> list[float] | None:
    """The weights of a step's architectures; None where the sampler has none.

    Raises:
        ValueError: if there are not as many as architectures.
    """
    if not isinstance(sampler, Weighted):
        return None
    weights = [float(weight) for weight in sampler.weights(architectures)]
    if len(weights) != len(architectures):
        raise ValueError(
            f"{type(sampler).__name__} gives {len(weights)} weights for {len(architectures)} "
            f"architectures: give one for each, in their order."
        )
    return weights
