"""A predictor: architecture -> number, learned of some architectures whose number is known."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence

from hypernas.space.architecture import Architecture


class Predictor(ABC):
    """Regression of a number, such as a latency or an accuracy, on architectures."""

    @abstractmethod
    def fit(self, architectures: Sequence[Architecture], values: Sequence[float]) -> None:
        """Learn from architectures and their values, and forget what was learned before.

        Raises:
            ValueError: if there are too few, or values that are no finite numbers.
        """

    @abstractmethod
    def predict(self, architectures: Sequence[Architecture]) -> list[float]:
        """The values of architectures, in their order.

        Raises:
            ValueError: if nothing was fitted.
        """

    @abstractmethod
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned to a file, whole or not at all: safetensors, no pickle.

        Raises:
            ValueError: if nothing was fitted.
        """

    @abstractmethod
    def load(self, path: str | os.PathLike[str]) -> None:
        """Take what a predictor of the same kind, settings and space saved.

        Raises:
            ValueError: if the file is torn, or that of something else.
        """
