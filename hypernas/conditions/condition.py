"""A condition: the numbers that a generator reads of a batch, beside the architecture."""

from abc import ABC, abstractmethod
from typing import Any, Literal

from torch import Tensor

Kind = Literal["task", "data", "noise"]


class Condition(ABC):
    """A function of the inputs of a batch, whose value all its examples share.

    The generator is made with a `condition_dim` of as many numbers as this returns, and weights are
    generated for each batch: `generator.subnet(architecture, condition(inputs))`. It has no parameters
    that would be trained: what is to learn belongs to the generator.

    Attributes:
        kinds: of what it is made of: `generator.describe(condition=condition.kinds)`.
    """

    kinds: tuple[Kind, ...] = ("data",)

    @abstractmethod
    def __call__(
        self,
        inputs: Any,  # of a batch, as the data have them
    ) -> Tensor:  # shape: (C,)
        """The condition of a batch."""

    @abstractmethod
    def rest(self, inputs: Any) -> Any:
        """The inputs that are left for the target, which may be all."""
