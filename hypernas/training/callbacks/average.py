"""An exponential moving average of the parameters."""

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import Tensor

from hypernas.events import Begun, Event, Stateful, Stepped
from hypernas.events.stateful import State
from hypernas.generators import Generator
from hypernas.training import checkpoint
from hypernas.training.callback import Averaging, Callback
from hypernas.training.run import TrainingRun
from hypernas.training.settings import check_ranges


class Average(Callback, Averaging, Stateful):
    """Keeps the exponential moving average of a generator's parameters, and has it validated.

    Training goes on with the parameters themselves. Each step the average becomes `decay` of itself
    and 1 - `decay` of them, with a smaller decay, (1 + step) / (10 + step), in the first steps.
    Polyak averaging as in Tan and Le, 2019, arXiv 1905.11946; norms are calibrated for it as for any.

    The average is in the run's checkpoints; `load_average(folder, generator)` puts it into a
    generator, which then can be evaluated and exported as any other.

    Args:
        decay: share of the average that stays at each step.
    """

    on_every_rank = True  # as ranks divide the subnets of a validation

    def __init__(self, *, decay: float = 0.999) -> None:
        check_ranges("Average", decay=(decay, (0, 1)))
        self.decay = decay
        self._average: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun(step=step):
                if run.training.shard_banks and run.ranks.size > 1:
                    raise ValueError(
                        "an average cannot be kept of banks that ranks divide: leave "
                        "training.shard_banks off, or the callback `average` out."
                    )
                if step == 0:
                    self._average = {}
                self._take_in(run.generator)
            case Stepped(step=step):
                self._take_in(run.generator)
                decay = min(self.decay, (1 + step) / (10 + step))
                named = dict(run.generator.named_parameters())
                for name, average in self._average.items():
                    average.lerp_(named[name], 1 - decay)

    def _take_in(self, generator: Generator) -> None:
        """Begin with parameters that are new as they are; put the others where they belong."""
        for name, parameter in generator.named_parameters():
            if name in self._average:
                self._average[name] = self._average[name].to(parameter)
            else:
                self._average[name] = parameter.detach().clone()

    @contextlib.contextmanager
    def averaged(self, generator: Generator) -> Iterator[None]:
        named = dict(generator.named_parameters())
        own = {name: named[name].data for name in self._average}
        try:
            for name, average in self._average.items():
                named[name].data = average
            yield
        finally:
            for name, value in own.items():
                named[name].data = value

    def state(self) -> State:
        return dict(self._average)

    def restore(self, state: State) -> None:
        self._average = {n: value for n, value in state.items() if isinstance(value, Tensor)}


def load_average(folder: str | os.PathLike[str], generator: Generator) -> int:
    """Fill a generator from the newest checkpoint, its parameters with their average; its step.

    Raises:
        CheckpointError: if there is none, it does not fit, or no average was kept.
    """
    newest = checkpoint.newest(folder)
    state = checkpoint.load(newest, generator=generator)
    kept = state.part(f"callback {Average.__qualname__}")
    named = dict(generator.named_parameters())
    if not kept or kept.keys() != named.keys():
        raise checkpoint.CheckpointError(
            f"{newest.folder} holds no average of the parameters: train with the callback `average`."
        )
    with torch.no_grad():
        for name, value in kept.items():
            if isinstance(value, Tensor):
                named[name].copy_(value)
    return state.step
