"""Shares of a step: the part that one of several ranks trains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


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
        """Our rows of a batch: of all its tensors; the batch itself where those are all."""
        if self.weight == 1:
            return batch
        rows = slice(self.start, self.stop)
        inputs, targets = batch
        return _rows(inputs, rows), _rows(targets, rows)


def num_rows(batch: Any) -> int:
    """The examples of a batch, by the first tensor in it.

    Raises:
        ValueError: if there is none.
    """
    for tensor in _tensors(batch):
        return len(tensor)
    raise ValueError(
        f"ranks cannot divide a batch without tensors, got {type(batch).__name__}: let the data's "
        f"collate_fn make (inputs, targets) of tensors, in tuples, lists or mappings."
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(item)


def _rows(value: Any, rows: slice) -> Any:
    if isinstance(value, Tensor):
        return value[rows]
    if isinstance(value, Mapping):
        return {key: _rows(item, rows) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_rows(item, rows) for item in value]
        # a named tuple is made of its fields, one by one
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


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
