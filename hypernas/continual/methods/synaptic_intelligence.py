"""Synaptic intelligence: parameters are held by what their way has done for the loss."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.continual.method import Phase, Regularized, Stored, Watching, as_part, part_of
from hypernas.continual.methods.one_network import OneNetwork
from hypernas.data import Data
from hypernas.generators import Generator
from hypernas.space.architecture import Architecture

Named = dict[str, Tensor]


class SynapticIntelligence(OneNetwork, Regularized, Watching):
    """The loss of a task and c Σ_i Ω_i (θ_i - θ*_i)², θ* being where the last task ended.

    Zenke et al., 2017, arXiv 1703.04200, equations 3 to 5. Ω is the sum over tasks of ω / (Δ² + ξ): ω what a parameter's way through the
    task has done for the task's own loss, - Σ g · dθ, Δ how far it came. Shares below zero count as none.

    Args:
        generator, num_tasks: see `Method`.
        strength: c.
        damping: ξ.
    """

    @checked
    def __init__(
        self, generator: Generator, *, num_tasks: int, strength: float = 0.1, damping: float = 0.1
    ) -> None:
        super().__init__(generator, num_tasks=num_tasks)
        if strength < 0 or damping <= 0:
            raise ValueError(
                f"strength must be 0 or more and damping above 0, got {strength} and {damping}."
            )
        self.strength, self.damping = strength, damping
        self._importance = {n: torch.zeros_like(p) for n, p in generator.named_parameters()}
        self._anchor = self._copies()
        self._way: Named = {}
        self._before: dict[str, tuple[Tensor, Tensor]] = {}  # gradient and value, in a step

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        self._way = {n: torch.zeros_like(p) for n, p in self.generator.named_parameters()}
        start = self._copies()
        yield self.whole()
        for name, end in self._copies().items():
            own = self._way[name] / ((end - start[name]).square() + self.damping)
            self._importance[name] = self._importance[name].to(end) + own.clamp(min=0)
        self._anchor = self._copies()

    def penalty(self, task: int, architectures: Sequence[Architecture]) -> Tensor | None:
        if not task:
            return None
        terms = [
            (self._importance[n].to(p) * (p - self._anchor[n].to(p)).square()).sum()
            for n, p in self.generator.named_parameters()
        ]
        return self.strength * torch.stack(terms).sum()

    def before_step(self) -> None:
        self._before = {
            n: (p.grad.clone(), p.detach().clone())
            for n, p in self.generator.named_parameters()
            if p.grad is not None
        }

    def after_step(self) -> None:
        own = dict(self.generator.named_parameters())
        for name, (gradient, before) in self._before.items():
            self._way[name] -= gradient * (own[name].detach() - before)

    def _copies(self) -> Named:
        return {n: p.detach().clone() for n, p in self.generator.named_parameters()}

    def stored(self) -> Stored:
        kept = (*self._importance.values(), *self._anchor.values())
        return Stored({**super().stored().shared, "importance": sum(t.nbytes for t in kept)})

    def state(self) -> dict[str, Tensor]:
        kept = as_part(self._importance, "importance") | as_part(self._anchor, "anchor")
        return super().state() | kept

    def restore(self, state: Mapping[str, Tensor]) -> None:
        super().restore(state)
        self._importance, self._anchor = part_of(state, "importance"), part_of(state, "anchor")
