"""What one of several ranks trains of a step."""

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

    def of(self, batch: tuple[Any, Tensor]) -> tuple[Any, Tensor]:
        """Our rows of a batch; the batch itself where those are all."""
        inputs, targets = batch
        if self.stop - self.start == len(targets):
            return batch
        rows = slice(self.start, self.stop)
        if isinstance(inputs, tuple | list):
            return tuple(column[rows] for column in inputs), targets[rows]
        return inputs[rows], targets[rows]


def share(
    rank: int, size: int, num_architectures: int, num_examples: int, *, split: bool = True
) -> Share:
    """What rank `rank` of `size` trains of a step.

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
