"""Costs that are trained the more often the less they are trained yet."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.events import Begun, Event, Stateful, Stepped
from hypernas.events.stateful import State
from hypernas.sampling.costs import Cost
from hypernas.sampling.proposer import Proposer
from hypernas.sampling.timed import Timed
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture

_KEPT = 0.9  # share of a bin's norm that stays at each of its steps


class Shift(Timed, Stateful):
    """One architecture a step, of a cost that is drawn from bins whose probability shifts to those with the larger gradients.

    ShiftNAS (Zhang et al., 2023, ICCV): uniform sampling trains hardly anything but middling costs. There a bin of cost is drawn by learnt
    logits, an architecture generator gives an architecture of that cost, and logits move towards bins whose subnets are not trained
    sufficiently, which is told by the norm of their gradient on validation data. There is no public code, so these choices are ours: the norm is that
    of the step itself, on the batch that is trained on; the logits follow the logarithms of the norms, smoothed; the
    generator of architectures learns from costs alone, before the first step (`hypernas.sampling.Proposer`).

    Args:
        bins: of equal width, from the cost of the smallest to that of the largest.
        warmup: share of training in which all bins are as likely.
        every: steps between shifts.
        rate: share of the way from the present logits to the norms' that each shift takes.
        strength: of the logits, in logarithms of norms; 0 draws costs uniformly to the end.
        floor: share of its uniform probability that every bin keeps.
        cost: of an architecture; None for its number of parameters.
        seed: of the proposer's training.

    Raises:
        ValueError: if bins or every is less than 1, strength negative, or another number not a share.
    """

    @checked
    def __init__(
        self,
        *,
        bins: int = 10,
        warmup: float = 0.1,
        every: int = 100,
        rate: float = 0.5,
        strength: float = 1.0,
        floor: float = 0.1,
        cost: Cost | None = None,
        seed: int = 0,
    ) -> None:
        shares = {"warmup": warmup, "rate": rate, "floor": floor}
        wrong = [name for name, share in shares.items() if not 0 <= share <= 1]
        if wrong or bins < 1 or every < 1 or strength < 0:
            raise ValueError(
                f"{wrong or 'all shares'} must be in [0, 1], bins and every 1 or more, strength 0 or more, got {shares}, "
                f"bins={bins}, every={every}, strength={strength}."
            )
        self.bins, self.warmup, self.every, self.rate = bins, warmup, every, rate
        self.strength, self.floor = strength, floor
        self.cost, self.seed = cost, seed
        self._proposer: Proposer | None = None
        self._kept: Mapping[str, Tensor] = {}  # of a proposer that was trained before
        self._begin()

    def _begin(self) -> None:
        self.logits = [0.0] * self.bins
        self._norms: list[float | None] = [None] * self.bins
        self._steps: list[tuple[Sequence[Architecture], Tensor]] = []  # not read yet

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        proposer = self.proposer(space)
        low, high = proposer.costs.range(space)
        own = torch.tensor(self.probabilities, dtype=torch.double)
        place = int(torch.multinomial(own, 1, generator=rng)) + float(torch.rand((), generator=rng))
        return [proposer.propose(low + (high - low) * place / self.bins, rng=rng)]

    @property
    def probabilities(self) -> list[float]:
        """Of the bins, from the least cost to the largest."""
        most = max(self.logits)
        shares = [math.exp(self.strength * (logit - most)) for logit in self.logits]
        total = sum(shares)
        return [self.floor / self.bins + (1 - self.floor) * share / total for share in shares]

    def proposer(self, space: SearchSpace) -> Proposer:
        """The architecture generator of a space, which is trained when it is first asked for."""
        if self._proposer is None or self._proposer.space is not space:
            self._proposer = Proposer(space, cost=self.cost)
            if self._kept:
                self._proposer.load_state_dict(self._kept)
            else:
                self._proposer.fit(seed=self.seed)
            self._kept = {}
        return self._proposer

    def see(self, event: Event) -> None:
        super().see(event)
        if isinstance(event, Begun) and not event.step:
            self._begin()
        if isinstance(event, Stepped) and event.norm is not None:
            self._steps.append((event.architectures, event.norm))
            if event.step % self.every == 0:
                self._read()
                if event.step > self.warmup * event.steps:
                    self._shift()

    def _read(self) -> None:
        """Take in the norms that nobody waited for."""
        steps, self._steps, proposer = self._steps, [], self._proposer
        if proposer is None:
            return
        for architectures, norm in steps:
            for architecture in architectures:
                place = proposer.costs.bin(proposer.space, architecture, self.bins)
                last, new = self._norms[place], float(norm)
                self._norms[place] = new if last is None else _KEPT * last + (1 - _KEPT) * new

    def _shift(self) -> None:
        """Move the logits towards the norms; bins that were never trained count as the largest of them."""
        known = [norm for norm in self._norms if norm]
        if not known:
            return
        middle = sum(map(math.log, known)) / len(known)
        wanted = [math.log(norm or max(known)) - middle for norm in self._norms]
        pairs = zip(self.logits, wanted, strict=True)
        self.logits = [(1 - self.rate) * own + self.rate * new for own, new in pairs]

    def state(self) -> State:
        self._read()
        kept = self._kept if self._proposer is None else self._proposer.state_dict()
        return {"logits": self.logits, "norms": self._norms, **kept}

    def restore(self, state: State) -> None:
        own: dict[str, Any] = dict(state)
        self._begin()
        self.logits, self._norms = list(own.pop("logits")), list(own.pop("norms"))
        self._proposer, self._kept = None, own
