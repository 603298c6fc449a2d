"""Elastic weight consolidation: parameters that mattered are held where they were."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.continual.method import Phase, Regularized, Stored, as_part, part_of
from hypernas.continual.methods.one_network import OneNetwork
from hypernas.data import Data
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments


class EWC(OneNetwork, Regularized):
    """The loss of a task and λ/2 Σ_t Σ_i F_ti (θ_i - θ*_ti)² over earlier tasks t.

    Kirkpatrick et al., 2017, arXiv 1612.00796, equation 3, with a term for each task. F is the diagonal of Fisher's information
    at the end of a task: mean squares of the gradients of single examples' log-likelihoods, of their own labels (the empirical one).
    Of all tasks only Σ F and Σ F θ* are kept, from which the gradient is the same as from each.

    Args:
        generator, num_tasks: see `Method`.
        strength: λ.
        num_examples: of each task, of which F is the mean.
    """

    @checked
    def __init__(
        self,
        generator: Generator,
        *,
        num_tasks: int,
        strength: float = 1000.0,
        num_examples: int = 200,
    ) -> None:
        super().__init__(generator, num_tasks=num_tasks)
        if strength < 0 or num_examples < 1:
            raise ValueError(
                f"strength must be 0 or more and num_examples 1 or more, got {strength} and {num_examples}."
            )
        self.strength, self.num_examples = strength, num_examples
        named = dict(generator.named_parameters())
        self._fisher = {n: torch.zeros_like(p) for n, p in named.items()}
        self._pull = {n: torch.zeros_like(p) for n, p in named.items()}  # Σ F θ*

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        yield self.whole()
        for name, information in self._information(data).items():
            own = self.generator.get_parameter(name).detach()
            self._fisher[name] = self._fisher[name].to(own) + information
            self._pull[name] = self._pull[name].to(own) + information * own

    def penalty(self, task: int, architectures: Sequence[Architecture]) -> Tensor | None:
        if not task:
            return None
        terms = [
            (self._fisher[n].to(p) * p.square() - 2 * self._pull[n].to(p) * p).sum()
            for n, p in self.generator.named_parameters()
        ]
        return self.strength / 2 * torch.stack(terms).sum()

    def _information(self, data: Data) -> dict[str, Tensor]:
        """F of the largest network on a task."""
        generator, likelihood = self.generator, CrossEntropy(label_smoothing=0.0)
        generator.eval()
        named = dict(generator.named_parameters())
        found = {n: torch.zeros_like(p) for n, p in named.items()}
        batches = data.batches(batch_size=1, device=generator.device)
        num = min(self.num_examples, batches.num_examples)
        for inputs, targets in islice(batches.starting_at(0), num):
            outputs = generator.call(generator.space.largest(), Arguments.of(inputs))
            loss = likelihood.loss(outputs, targets)
            gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
            for name, gradient in zip(named, gradients, strict=True):
                if gradient is not None:
                    found[name] += gradient.square() / num
        generator.train()
        return found

    def stored(self) -> Stored:
        kept = {
            "information": sum(t.nbytes for t in (*self._fisher.values(), *self._pull.values()))
        }
        return Stored({**super().stored().shared, **kept})

    def state(self) -> dict[str, Tensor]:
        kept = as_part(self._fisher, "fisher") | as_part(self._pull, "pull")
        return super().state() | kept

    def restore(self, state: Mapping[str, Tensor]) -> None:
        super().restore(state)
        self._fisher, self._pull = part_of(state, "fisher"), part_of(state, "pull")
