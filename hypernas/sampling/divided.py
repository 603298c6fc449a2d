"""Parts of a step's batch for its architectures."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from hypernas.sampling.sampler import Sampler
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import Rows


class Divided(ABC):
    """A second interface of a sampler: its architectures read parts of a step's batch.

    A loss then counts as much as the rows it is of: four architectures on a quarter each are one pass over the
    batch, and their gradients' sum is the mean over its examples.
    """

    @abstractmethod
    def rows(self, architectures: Sequence[Architecture]) -> Sequence[Rows]:
        """The part that each reads, in their order; the same on all ranks."""


def rows_of(sampler: Sampler, architectures: Sequence[Architecture]) -> list[Rows] | None:
    """The parts that a step's architectures read; None where all read the whole batch.

    Raises:
        ValueError: if there are not as many as architectures.
    """
    if not isinstance(sampler, Divided):
        return None
    rows = list(sampler.rows(architectures))
    if len(rows) != len(architectures):
        raise ValueError(
            f"{type(sampler).__name__} gives {len(rows)} parts of a batch for {len(architectures)} "
            f"architectures: give one for each, in their order."
        )
    return None if all(own.parts == 1 for own in rows) else rows
