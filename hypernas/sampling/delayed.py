"""The largest architecture first, then the others by and by."""

from collections.abc import Sequence

import torch

from hypernas.sampling.timed import Timed
from hypernas.sampling.uniform import Over, checked, drawn
from hypernas.sampling.weighted import Weighted
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture


class Delayed(Timed, Weighted):
    """The largest alone, then sandwiches whose other architectures count ε, which rises from 0 to 1.

    Delayed ε-shrinking (DεpS, Annavajjala et al., 2024, arXiv 2407.06167): with training.combine=sum a step's gradient is
    that of the largest + ε times those of the others. The published ε is a ratio of two learning rates, one of which
    rises linearly; ours rises linearly itself, which is the same where the rate hardly changes over the ramp. No
    delay and no ramp is the sandwich rule.

    Args:
        delay: share of training after which ε is 1; published: 150 of 270 epochs.
        ramp: share of training, before that, over which ε rises; published: 5 of 270 epochs.
        num_random: random architectures between the largest and the smallest.
        most: ε after the ramp; 0 trains the largest alone, to the end.
        over: see `hypernas.sampling.uniform.drawn`.

    Raises:
        ValueError: if a share is out of [0, 1], the ramp longer than the delay, or a number negative.
    """

    def __init__(
        self,
        *,
        delay: float = 0.55,
        ramp: float = 0.02,
        num_random: int = 2,
        most: float = 1.0,
        over: Over = "choices",
    ) -> None:
        if not 0 <= ramp <= delay <= 1 or num_random < 0 or most < 0:
            raise ValueError(
                f"0 <= ramp <= delay <= 1, and num_random and most must be 0 or more, got ramp={ramp}, "
                f"delay={delay}, num_random={num_random}, most={most}."
            )
        self.delay, self.ramp, self.most = delay, ramp, most
        self.num_random = num_random
        self.over: Over = checked(over)

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        if not self.epsilon:
            return [space.largest()]
        between = [drawn(space, rng, self.over) for _ in range(self.num_random)]
        return [space.largest(), *between, space.smallest()]

    def weights(self, architectures: Sequence[Architecture]) -> list[float]:
        return [1.0] + [self.epsilon] * (len(architectures) - 1)

    @property
    def epsilon(self) -> float:
        """The weight of the smaller architectures at this step."""
        self.check_begun()
        begin, end = (round(share * self.steps) for share in (self.delay - self.ramp, self.delay))
        if self.step > end:
            return self.most
        return self.most * max(0, self.step - begin) / max(1, end - begin)
