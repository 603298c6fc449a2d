"""Shares of a step: the part that one of several ranks trains."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hypernas.subnet.structure import map_tensors, tensors


@dataclass(frozen=True)
class Share:
    """Some architectures of a step, on some rows of its batch.

    Attributes:
        positions: of the architectures, among those of the step.
        start, stop: rows of the batch.
        weight: rows of all rows: the factor of a loss that is a mean over examples.
    """

    positions: tuple[int, ...]
    start: int
    stop: int
    weight: float

    def of(self, batch: tuple[Any, Any]) -> tuple[Any, Any]:
        """Our rows of a batch: of its tensors that have them; the batch itself where those are all."""
        if self.weight == 1:
            return batch
        num = num_rows(batch)

        def own(tensor: Tensor) -> Tensor:
            of_batch = tensor.dim() > 0 and len(tensor) == num
            return tensor[self.start : self.stop] if of_batch else tensor

        inputs, targets = batch
        return map_tensors(own, inputs), map_tensors(own, targets)


def num_rows(batch: Any) -> int:
    """The examples of a batch, by the first tensor in it that has an axis.

    Raises:
        ValueError: if there is none.
    """
    for tensor in tensors(batch):
        if tensor.dim():
            return len(tensor)
    raise ValueError(
        f"ranks cannot divide a batch without tensors, got {type(batch).__name__}: let the data's "
        f"collate_fn make (inputs, targets) of tensors, in tuples, lists or mappings."
    )


def share(
    rank: int, size: int, num_architectures: int, num_examples: int, *, split: bool = True
) -> Share:
    """The share of a step that rank `rank` of `size` trains.

    Architectures are dealt out to and fro, each with the whole batch: of a sandwich on two ranks,
    the largest and the smallest go to one, those between to the other. Where there are more ranks
    than architectures, ranks `i`, `i + n`, `i + 2 n`, ... divide the batch of architecture `i`
    of `n`; the first ones, of which the largest is, get one rank more if that does not come out even.

    Args:
        split: False leaves the ranks idle that would divide a batch.
    """
    if size <= num_architectures or not split:
        turn = 2 * size
        own = [i for i in range(num_architectures) if i % turn in (rank, turn - 1 - rank)]
        return Share(tuple(own), 0, num_examples, 1.0)
    position, place = rank % num_architectures, rank // num_architectures
    ranks = len(range(position, size, num_architectures))
    start, stop = (num_examples * k // ranks for k in (place, place + 1))
    if start == stop:  # fewer rows than ranks
        return Share((), 0, num_examples, 1.0)
    return Share((position,), start, stop, (stop - start) / num_examples)
