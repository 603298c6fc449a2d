"""A stream of tasks: data sets of one shape, that come one after the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from hypernas.data import Data

Change = Callable[[Tensor, Tensor], Sequence[Tensor]]  # inputs and targets -> those of a task


class Tasks(ABC):
    """Task number -> its data. All have inputs of one shape and as many outputs.

    A task is made when it is asked for, the same one each time, so that a stream of a hundred needs the memory of one.

    Attributes:
        name: in tables.
        num: how many there are.
        input_shape, num_classes: of each; targets are 0 to num_classes - 1 in every task.
    """

    name: str
    num: int
    input_shape: tuple[int, ...]
    num_classes: int

    @abstractmethod
    def task(self, number: int) -> Data:
        """The data of a task, 0 to `num` - 1."""

    def check(self, number: int) -> int:
        """The number of a task that there is.

        Raises:
            ValueError: if there is none of that number.
        """
        if not 0 <= number < self.num:
            raise ValueError(f"there are tasks 0 to {self.num - 1}, got {number}.")
        return number


def changed(data: Data, change: Change, *, name: str, num_classes: int | None = None) -> Data:
    """The data with all inputs and targets changed alike, in every split.

    Raises:
        ValueError: if a split is not one tensor of inputs and one of targets.
    """
    train, validation, test = (
        _changed(split, change) for split in (data.train, data.validation, data.test)
    )
    num = num_classes or data.num_classes
    return Data(name, train, validation, test, data.input_shape, num)


class Changed(TensorDataset):
    """Tensors that are made of others once they are asked for.

    Args:
        change: of these tensors.
    """

    def __init__(self, tensors: Sequence[Tensor], change: Change) -> None:
        self._of, self._change = tensors, change

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:  # type: ignore[override]
        """The changed ones."""
        return tuple(self._change(*self._of))


def _changed(split: Dataset[Any], change: Change) -> TensorDataset:
    if not isinstance(split, TensorDataset) or len(split.tensors) != 2:
        raise ValueError(
            f"tasks are made of data whose splits are a TensorDataset of inputs and targets, got {type(split).__name__}. "
            f"Give the data of each task yourself: tasks=listed."
        )
    return Changed(split.tensors, change)
