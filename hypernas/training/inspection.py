"""An inspection of the examples of a batch while subnets are trained on it."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.data import Batches
from hypernas.objectives import ByExample, Objective
from hypernas.sampling import Examples, Sampler
from hypernas.subnet.rows import Rows

Batch = tuple[Any, Any]  # inputs and targets


class Inspection:
    """The factors of examples' losses, and the norms of their gradients at the outputs.

    Args:
        sampler: that has a say in which examples there are.
        examples: of the batch, by number, shape (B,).

    Attributes:
        norms: sums over the passes of this rank, shape (B,).
    """

    def __init__(self, sampler: Examples, examples: Tensor) -> None:
        self._sampler, self._examples = sampler, examples
        self._factors = sampler.factors(examples)
        self._numbers = torch.arange(len(examples), device=examples.device)
        self.norms = torch.zeros(len(examples), device=examples.device)

    def __len__(self) -> int:
        return len(self.norms)

    def loss(
        self,
        objective: Objective,
        outputs: Any,
        targets: Any,
        teacher: Any,
        rows: Sequence[Rows],  # that were read of the batch, one within the other
    ) -> Tensor:  # shape: ()
        """The loss of outputs on some rows, whose norms are taken down.

        Raises:
            ValueError: if the objective does not tell examples apart.
        """
        if not isinstance(objective, ByExample):
            raise ValueError(
                f"{type(self._sampler).__name__} chooses examples by the gradients of their losses, which "
                f"{type(objective).__name__} does not tell: take objective=cross_entropy, or one that is "
                f"hypernas.objectives.ByExample."
            )
        own = self._numbers
        for part in rows:
            own = part.of(own)
        self.norms[own] += objective.gradient_norms(outputs, targets).to(self.norms.dtype)
        if self._factors is None:
            return objective.loss(outputs, targets, teacher)
        return (objective.losses(outputs, targets) * self._factors[own]).mean()

    def means(self, rows: Sequence[Rows]) -> Tensor:  # shape: (B,)
        """This rank's part of the means over the architectures that read an example.

        Args:
            rows: that each architecture reads.
        """
        num = torch.zeros_like(self.norms)
        for part in rows:
            start, stop = part.range(len(num))
            num[start:stop] += 1
        return self.norms / num.clamp(min=1)

    def tell(self, norms: Tensor) -> None:
        """Tell the sampler of the norms, now that all ranks have their sums."""
        self._sampler.fared(self._examples, norms)


def inspected(
    batches: Batches, sampler: Sampler, step: int
) -> Iterator[tuple[Batch, Inspection | None]]:
    """The batches of step, step + 1, ..., with an inspection of each where the sampler wants one."""
    if not isinstance(sampler, Examples):
        for batch in batches.starting_at(step):
            yield batch, None
        return
    order = sampler.order
    chosen = zip(batches.starting_at(step, order), batches.examples(step, order), strict=False)
    for batch, examples in chosen:
        yield batch, Inspection(sampler, examples)
