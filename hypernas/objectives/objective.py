"""Objectives: the loss a subnet is trained with, and measures of its predictions."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from hypernas.objectives.taught import Taught
from hypernas.subnet.arguments import Arguments


class Objective(ABC):
    """A loss, and measures of single predictions.

    Attributes:
        distils: True if the loss of later architectures of a step reads the outputs of the first,
            when that is the largest.
    """

    distils: bool = False

    @abstractmethod
    def loss(
        self,
        outputs: Any,
        targets: Any,
        teacher: Any = None,  # outputs of the largest architecture, detached, or see `Taught`
    ) -> Tensor:  # shape: ()
        """The loss of a batch, which training minimises."""

    @abstractmethod
    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        """Name -> value of each prediction that counts, shape (N,). Their means are reported."""


@torch.no_grad()
def assess(
    model: Callable[..., Any],
    batches: Iterable[tuple[Any, Any]],
    objective: Objective,
    *,
    rest: Callable[[Any], Any] | None = None,
) -> dict[str, float]:
    """The mean of each of the objective's measures over all predictions of the batches.

    Those against a teacher of its own too: see `Taught`.

    Args:
        model: inputs -> outputs.
        rest: inputs -> those that a teacher gets, as the target does; None for all of them.

    Raises:
        ValueError: if there is no batch, or no prediction in them.
    """
    totals: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()
    for inputs, targets in batches:
        given = Arguments.of(inputs)
        outputs = model(*given.positional, **given.keywords)
        values = objective.measures(outputs, targets)
        if isinstance(objective, Taught):
            teacher = objective.teach(inputs if rest is None else rest(inputs))
            values |= objective.fidelity(outputs, targets, teacher)
        for name, value in values.items():
            totals[name] = totals.get(name, 0) + value.double().sum()
            counts[name] += value.numel()
    if not totals:
        raise ValueError("there is nothing to assess: no batches came.")
    if empty := [name for name in totals if not counts[name]]:
        raise ValueError(
            f"there is nothing to assess: no prediction of the batches counts for {empty}. Are all "
            f"targets -100?"
        )
    return {name: float(total) / counts[name] for name, total in totals.items()}
