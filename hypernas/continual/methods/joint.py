"""Joint training: on the data of all tasks so far."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, TensorDataset

from hypernas.continual.method import Phase, Rehearsing, Stored, num_bytes
from hypernas.continual.methods.one_network import OneNetwork
from hypernas.data import Data, num_examples
from hypernas.generators import Generator


class Joint(OneNetwork, Rehearsing):
    """One network on the data of all tasks that have come: the upper bound of those that are not told the task.

    It keeps every training example, which its bytes count, and takes as many steps a task as others.
    """

    def __init__(self, generator: Generator, *, num_tasks: int) -> None:
        super().__init__(generator, num_tasks=num_tasks)
        self._kept: list[int] = []  # bytes of each task's examples

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        yield self.whole()
        self._kept.append(_bytes_of(data.train))

    def examples(self, seen: Sequence[Data]) -> Data:
        splits: list[Dataset[Any]] = [data.train for data in seen]
        tensors = [split.tensors for split in splits if isinstance(split, TensorDataset)]
        if len(tensors) == len(splits):
            return replace(
                seen[-1], train=TensorDataset(*map(torch.cat, zip(*tensors, strict=True)))
            )
        return replace(seen[-1], train=ConcatDataset(splits), lengths=None)

    def stored(self) -> Stored:
        tasks = [{"examples": num} for num in self._kept]
        return Stored({"network": num_bytes(self.generator)}, tasks)

    def state(self) -> dict[str, Tensor]:
        return super().state() | {"kept": torch.tensor(self._kept, dtype=torch.long)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        super().restore(state)
        self._kept = state["kept"].tolist()


def _bytes_of(split: Dataset[Any]) -> int:
    """Bytes of the tensors of a data set; of one that makes its examples, those of the first, times their number."""
    if isinstance(split, TensorDataset):
        return sum(tensor.nbytes for tensor in split.tensors)
    num = num_examples(split)
    return num * sum(part.nbytes for part in split[0] if isinstance(part, Tensor)) if num else 0
