"""Appraisals: measures of a model on a whole split, which are no means over predictions."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from hypernas.data import Data


class Appraisal(ABC):
    """A second interface of objectives: what is measured by using a model, beside its predictions of batches.

    `evaluate`, and so references and studies, ask for it, and searches by one of its measures; validation during training
    does not.

    Attributes:
        names: of the measures that `appraise` gives.
    """

    names: tuple[str, ...]

    @abstractmethod
    def appraise(self, model: Callable[..., Any], data: Data, split: str) -> dict[str, float]:
        """Each measure of a model in evaluation mode, without gradients.

        Args:
            split: train, validation or test.

        Raises:
            TypeError: if the model or the data are not of the kind that is measured.
        """
