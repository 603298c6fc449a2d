"""The events of a training run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from hypernas.space.architecture import Architecture

Subnets = Mapping[str, tuple[Architecture, Mapping[str, float]]]  # label -> subnet and measures


@dataclass(frozen=True)
class Begun:
    """The run starts, or goes on, after `step` of `steps` steps."""

    step: int
    steps: int


@dataclass(frozen=True)
class Stepped:
    """The parameters have moved.

    Attributes:
        step: number of this step, from 1.
        steps: of the whole run.
        architectures: that were trained, N of them.
        losses: of each, on this step's examples, shape (N,); on the generator's device, so that
            nobody waits for a GPU who does not read it.
        figures: loss, gradient norm and learning rate of the steps since the last report, where this
            step is one that is reported; else None.
        last: no step follows: the run is over, or was asked to stop.
        norm: of the gradient that the parameters moved by, before it was clipped, shape (); on the
            generator's device too.
    """

    step: int
    steps: int
    architectures: Sequence[Architecture]
    losses: Tensor
    figures: Mapping[str, float] | None
    last: bool
    norm: Tensor | None = None


@dataclass(frozen=True)
class Skipped:
    """A step was left out, as its loss or gradient was no number: parameters did not move.

    `Stepped` of the same step follows.

    Attributes:
        architectures: that were to be trained, N of them.
        losses: of each.
        num: steps that were left out up to this one.
    """

    step: int
    steps: int
    architectures: Sequence[Architecture]
    losses: Sequence[float]
    num: int


@dataclass(frozen=True)
class Validated:
    """Some subnets were measured on the validation split after `step`."""

    step: int
    steps: int
    subnets: Subnets

    @property
    def means(self) -> dict[str, float]:
        """Measure -> its mean over the subnets."""
        rows = [measures for _, measures in self.subnets.values()]
        return (
            {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]} if rows else {}
        )


@dataclass(frozen=True)
class Ended:
    """The run is over: finished, stopped, or ended by an error.

    Attributes:
        figures: means of the last validation.
        finished: all steps were taken, or a callback asked to stop; no error and no key ended it.
    """

    step: int
    steps: int
    figures: Mapping[str, float]
    finished: bool


Event = Begun | Stepped | Skipped | Validated | Ended
