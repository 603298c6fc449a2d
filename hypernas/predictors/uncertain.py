"""A second interface of predictors: how sure they are."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from hypernas.space.architecture import Architecture


class Uncertain(ABC):
    """Predictor that tells how far off its predictions may be."""

    @abstractmethod
    def deviations(self, architectures: Sequence[Architecture]) -> list[float]:
        """Standard deviation of the prediction of each architecture, in units of the values.

        Raises:
            ValueError: if nothing was fitted.
        """
