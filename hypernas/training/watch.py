"""A watch over the steps of a run: loss and gradient are looked at before parameters move."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hypernas.generators import running_statistics
from hypernas.space.architecture import Architecture
from hypernas.training import trouble
from hypernas.training.divergence import Diverged, told

if TYPE_CHECKING:
    from hypernas.training.run import TrainingRun


@dataclass(frozen=True)
class Before:
    """The state of what a step changes before its optimizer does.

    Attributes:
        draws: states of torch's random generators, and of the step's own.
        statistics: running statistics, if they may have to be put back.
    """

    draws: Mapping[str, Tensor]
    statistics: Mapping[str, Tensor]


@dataclass(frozen=True)
class Attempt:
    """A step whose gradients are there.

    Attributes:
        batches: pairs of inputs and targets.
        loss: mean, shape ().
        losses: of the N architectures, shape (N,).
    """

    step: int
    architectures: Sequence[Architecture]
    batches: Sequence[tuple[Any, Any]]
    loss: Tensor
    losses: Tensor
    before: Before


class Watch:
    """Looks at each step whose loss or gradient may be no number, and leaves out as many as are allowed.

    It looks on a CPU, where that costs nothing, and elsewhere if steps may be left out: there it has to wait
    for the GPU. Where it does not look, reports do, when parameters have moved.

    Args:
        most: steps that a run may leave out.
        skipped: that it has left out so far.
    """

    def __init__(self, most: int = 0, skipped: int = 0) -> None:
        self.most, self.skipped = most, skipped

    def looks(self, run: "TrainingRun") -> bool:
        return self.most > 0 or run.generator.device.type == "cpu"

    def before(self, run: "TrainingRun", rng: torch.Generator) -> Before:
        """To be asked for before the passes of a step."""
        if not self.looks(run):
            return Before({}, {})
        states = {"cpu": torch.get_rng_state(), "step": rng.get_state()}
        if run.generator.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(run.generator.device)
        held = running_statistics(run.generator) if self.most else {}
        return Before(states, {name: tensor.clone() for name, tensor in held.items()})

    def passes(self, run: "TrainingRun", attempt: Attempt, norm: Tensor) -> bool:
        """True if parameters may move; False if the step is left out, which is counted.

        Args:
            norm: of the gradient, shape ().

        Raises:
            Diverged: if no step may be left out any more.
        """
        if not self.looks(run):
            return True
        figures = {"loss": float(attempt.loss), "gradient_norm": float(norm)}
        if all(math.isfinite(value) for value in figures.values()):
            return True
        kept = trouble.keep(run, attempt)
        losses = attempt.losses.tolist()
        if self.skipped >= self.most:
            raise Diverged(told(attempt.step, figures, attempt.architectures, losses, kept))
        self.skipped += 1
        _put_back(running_statistics(run.generator), attempt.before.statistics)
        return False


@torch.no_grad()
def _put_back(now: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> None:
    for name, tensor in before.items():
        if name in now:
            now[name].copy_(tensor)
