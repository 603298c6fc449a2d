"""Assessment of a model: the measures of an objective over the predictions of many batches."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.objectives.objective import Objective
from hypernas.objectives.taught import Taught
from hypernas.objectives.widening import measured_on
from hypernas.subnet.arguments import Arguments


@dataclass(frozen=True)
class Moments:
    """Sums of a measure over predictions.

    Args:
        total: of the values.
        squares: of their squares.
        num: of predictions.
    """

    total: float
    squares: float
    num: int

    @property
    def mean(self) -> float:
        return self.total / self.num

    @property
    def error(self) -> float:
        """The standard error of the mean, were predictions independent; nan of a single one."""
        if self.num < 2:
            return float("nan")
        spread = max(self.squares - self.num * self.mean**2, 0.0) / (self.num - 1)
        return (spread / self.num) ** 0.5

    def __add__(self, other: "Moments") -> "Moments":
        """The sums over the predictions of both."""
        return Moments(self.total + other.total, self.squares + other.squares, self.num + other.num)

    @staticmethod
    def of_mean(models: Sequence["Moments"]) -> "Moments":
        """The sums of a mean of models' measures, on the examples that they have in common.

        These are as many as each model has, however many models there are. The square of a mean is at most
        the mean of squares, which stands in its place: the error is exact for models that agree on each
        example, and too large by what they differ there.
        """
        total = sum(one.total for one in models) / len(models)
        squares = sum(one.squares for one in models) / len(models)
        return Moments(total, squares, models[0].num)


@checked
def assess(
    model: Callable[..., Any],
    batches: Iterable[tuple[Any, Any]],
    objective: Objective,
    *,
    rest: Callable[[Any], Any] | None = None,
) -> dict[str, float]:
    """The mean of each of the objective's measures over all predictions of the batches: see `moments`."""
    found = moments(model, batches, objective, rest=rest)
    return {name: measure.mean for name, measure in found.items()}


@checked
@torch.no_grad()
def moments(
    model: Callable[..., Any],
    batches: Iterable[tuple[Any, Any]],
    objective: Objective,
    *,
    rest: Callable[[Any], Any] | None = None,
) -> dict[str, Moments]:
    """The sums of each of the objective's measures over all predictions of the batches.

    Those against a teacher of its own too: see `Taught`.

    Args:
        model: inputs -> outputs.
        rest: inputs -> those that a teacher gets, as the target does; None for all of them.

    Raises:
        ValueError: if there is no batch, or no prediction in them.
    """
    sums: dict[str, Tensor] = {}  # name -> total, squares and number, shape (3,)
    for inputs, targets in batches:
        given = Arguments.of(measured_on(objective, inputs))
        outputs = model(*given.positional, **given.keywords)
        values = objective.measures(outputs, targets)
        if isinstance(objective, Taught):
            teacher = objective.teach(inputs if rest is None else rest(inputs))
            values |= objective.fidelity(outputs, targets, teacher)
        for name, value in values.items():
            exact = value.double()
            num = exact.new_tensor(value.numel())
            own = torch.stack([exact.sum(), exact.square().sum(), num])
            sums[name] = sums[name] + own if name in sums else own
    if not sums:
        raise ValueError("there is nothing to assess: no batches came.")
    found = {name: own.tolist() for name, own in sums.items()}
    if empty := [name for name, (_, _, num) in found.items() if not num]:
        raise ValueError(
            f"there is nothing to assess: no prediction of the batches counts for {empty}. Are all "
            f"targets -100?"
        )
    return {n: Moments(total, squares, int(num)) for n, (total, squares, num) in found.items()}
