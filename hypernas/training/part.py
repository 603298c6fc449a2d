"""A batch of a step, and what each of its subnets reads of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from torch import Tensor

from hypernas.objectives import Counted, Objective
from hypernas.subnet.rows import ALL, Rows, num_rows
from hypernas.subnet.subnet import Subnet
from hypernas.training.inspection import Inspection


@dataclass(frozen=True)
class Part:
    """One of the batches of a step, and the N subnets that are trained on it.

    Attributes:
        subnets: of the architectures of the step, in their order; each under the condition of the rows that it reads.
        batch: inputs and targets, which only the target and the objective look into.
        rows: that each architecture reads; None for all of them.
        inspection: of its examples; None where nobody asks for it.
    """

    subnets: Sequence[Subnet]
    batch: tuple[Any, Any]
    rows: Sequence[Rows] | None = None
    inspection: Inspection | None = None

    @property
    def num_passes(self) -> float:
        """Passes over the batch that its architectures take together."""
        return float(sum(Fraction(1, own.parts) for own in self._every))

    @cached_property
    def num_rows(self) -> int:
        """The examples of the batch.

        Raises:
            ValueError: if it has no tensors, or too few examples for its architectures.
        """
        num = num_rows(self.batch)
        parts = max(own.parts for own in self.rows or [ALL])
        if parts > num:
            raise ValueError(
                f"a batch of {num} examples cannot be divided among {parts} architectures: let the sampler draw "
                f"{num} or fewer, or raise training.batch_size."
            )
        return num

    def num_read(self, i: int) -> int:
        """The examples that an architecture reads."""
        start, stop = self._rows(i).range(self.num_rows)
        return stop - start

    def of_batch(self, i: int, value: Any) -> Any:
        """The rows of an architecture of the batch, or of outputs on it."""
        own = self._rows(i)
        return value if own.parts == 1 else own.of(value, self.num_rows)

    def read(self, i: int, share: Rows = ALL) -> tuple[Any, Any]:
        """Inputs and targets of an architecture, or those that are our share of them."""
        own = self.of_batch(i, self.batch)
        return own if share.parts == 1 else share.of(own, self.num_read(i))

    def fraction(self, objective: Objective, i: int, share: Rows = ALL) -> float:
        """The part of the batch that `read` gives: of what counts in the loss, or of the rows."""
        if self._rows(i).parts == share.parts == 1:
            return 1.0
        if isinstance(objective, Counted):
            own = objective.num_counted(self.read(i, share)[1])
            every = objective.num_counted(self.batch[1])
            if own is not None and every:
                return own / every
        start, stop = share.range(self.num_read(i))
        return (stop - start) / self.num_rows

    def loss(
        self, objective: Objective, i: int, outputs: Any, teacher: Any, share: Rows = ALL
    ) -> Tensor:  # shape: ()
        """The loss of an architecture's outputs on what `read` gives."""
        _, targets = self.read(i, share)
        if self.inspection is None:
            return objective.loss(outputs, targets, teacher)
        return self.inspection.loss(objective, outputs, targets, teacher, [self._rows(i), share])

    @property
    def norms(self) -> Tensor | None:  # shape: (B,)
        """This rank's part of the gradient norms of the examples, where they are inspected."""
        return None if self.inspection is None else self.inspection.means(self._every)

    @property
    def _every(self) -> Sequence[Rows]:
        return self.rows or [ALL] * len(self.subnets)

    def _rows(self, i: int) -> Rows:
        return ALL if self.rows is None else self.rows[i]
