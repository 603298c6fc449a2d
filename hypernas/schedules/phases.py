"""A learning rate of its own for each phase of training."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from hypernas.schedules.cosine import Cosine
from hypernas.schedules.schedule import Schedule, check_shares


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of training, over which the rate rises from 0 to a peak and falls along half a cosine.

    Attributes:
        share: of all stretches' shares.
        peak: of the rate, in units of the optimizer's.
        warmup: share of the stretch over which it rises.
    """

    share: float
    peak: float = 1.0
    warmup: float = 0.0


class Phases(Schedule):
    """Stretches of training, one after the other, each with its own peak, warm-up and fall.

    As in Once-for-All (Cai et al., 2020, arXiv 1908.09791), where each phase of progressive shrinking is a training of its own; the
    optimizer's memory is kept here.

    Args:
        phases: in their order, as those of the sampler (`hypernas.sampling.Progressive`); each a `Stretch` or a mapping.

    Raises:
        ValueError: if there is none, or a share or peak is not positive.
    """

    def __init__(
        self,
        *,
        phases: Sequence[Stretch | Mapping[str, float]] = (
            {"share": 0.3, "warmup": 0.05},
            {"share": 0.7, "warmup": 0.05},
        ),
    ) -> None:
        self.phases = [p if isinstance(p, Stretch) else Stretch(**p) for p in phases]
        if not self.phases or any(p.share <= 0 or p.peak <= 0 for p in self.phases):
            raise ValueError(
                f"phases must be one or more with a share and a peak above 0, got {self.phases}."
            )
        for phase in self.phases:
            check_shares(self, warmup=phase.warmup)

    def __call__(self, step: int, steps: int) -> float:
        done = list(accumulate(phase.share for phase in self.phases))
        ends = [round(steps * own / done[-1]) for own in done]  # as those of `Progressive`
        place = min(bisect_left(ends, step), len(ends) - 1)
        phase, begin = self.phases[place], ends[place - 1] if place else 0
        own = Cosine(warmup=phase.warmup)
        return phase.peak * own(step - begin, max(1, ends[place] - begin))
