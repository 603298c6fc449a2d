"""Architectures and examples, each drawn the more often the larger its gradients are."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.events import Begun, Event, Observer, Stateful, Stepped
from hypernas.events.stateful import State
from hypernas.sampling.examples import Examples
from hypernas.sampling.sampler import Sampler
from hypernas.sampling.weighted import Weighted
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture, Value

# Legend: N examples of the training split, B of a batch, V values of a choice.


class PADA(Sampler, Weighted, Examples, Observer, Stateful):
    """One architecture a step, and examples, by the norms of the gradients they had so far.

    Path and data importance sampling (PA&DA, Lu et al., 2023, arXiv 2302.14772): both p = τ norm / Σ norm + (1 - τ) /
    number, with τ rising linearly over training, renewed as an epoch begins. Examples are drawn with replacement, as many as there are, by the
    norm of the loss's gradient at the logits. Until the first epoch ends, and with path = data = 0 to the last bit,
    this is `Uniform`.

    We deviate: published probabilities are of operations, shared by all edges, by the gradients of their own weights;
    ours are of the values of each choice, by the norm of the whole gradient of steps that had the value, as values
    need not have weights of their own (so those without any are not starved). The norm of a value is, as
    published, the mean of its last norm and what it was. What was never trained counts as the mean of the others. `unbiased` and
    `floor` are not in the published code.

    Args:
        path: τ of architectures at the end of training; 0 draws them uniformly, choice by choice.
        data: τ of examples at the end.
        floor: share of its uniform probability that every value and every example keeps, in [0, 1].
        unbiased: True multiplies losses by uniform / p, of architectures and of examples, so that the expected gradient
            is that of uniform sampling; published: False.

    Raises:
        ValueError: if a number is not in [0, 1].
    """

    def __init__(
        self,
        *,
        path: float = 1.0,
        data: float = 1.0,
        floor: float = 0.0,
        unbiased: bool = False,
    ) -> None:
        if not all(0 <= number <= 1 for number in (path, data, floor)):
            raise ValueError(
                f"path, data and floor must be in [0, 1], got {path}, {data} and {floor}."
            )
        self.path, self.data, self.floor, self.unbiased = path, data, floor, unbiased
        self._begin()

    def _begin(self) -> None:
        """Know of nothing."""
        self.progress = 0.0  # share of training that is done
        self.epoch = -1  # that the probabilities are of
        self.values: dict[str, list[float]] = {}  # choice -> probabilities of its values
        self.probabilities: Tensor | None = None  # of examples, shape (N,)
        self._factors: Tensor | None = None  # shape: (N,), where batches are
        self._value_norms: dict[str, list[float | None]] = {}  # choice -> norm of each value
        self._example_norms: Tensor | None = None  # shape: (N,), nan where there is none
        self._sizes: dict[str, Sequence[Value]] = {}  # choice -> its values
        self._steps: list[tuple[Sequence[Architecture], Tensor]] = []  # not read yet
        self._batches: list[tuple[Tensor, Tensor]] = []  # not read yet

    def __call__(self, space: SearchSpace, rng: torch.Generator) -> list[Architecture]:
        self._sizes = {name: choice.values for name, choice in space.choices.items()}
        if not self.values:
            return [space.sample_choices(rng)]
        picked = {
            name: values[_drawn(self.values[name], rng)] for name, values in self._sizes.items()
        }
        return [space.architecture(picked)]

    def weights(self, architectures: Sequence[Architecture]) -> list[float]:
        """With `unbiased`, uniform / p of each."""
        if not self.unbiased or not self.values:
            return [1.0] * len(architectures)
        return [1 / math.prod(self._odds(architecture)) for architecture in architectures]

    def _odds(self, architecture: Architecture) -> list[float]:
        """The probability of each value of an architecture over its uniform one."""
        return [
            self.values[name][self._sizes[name].index(value)] * len(self._sizes[name])
            for name, value in architecture.items()
        ]

    def order(self, epoch: int, num: int, rng: torch.Generator) -> Tensor | None:
        if epoch != self.epoch:
            self._renew(num)
            self.epoch = epoch
        if self.probabilities is None:
            return None
        ends = self.probabilities.cumsum(0)
        drawn = torch.rand(num, generator=rng, dtype=torch.double) * ends[-1]
        return torch.searchsorted(ends, drawn, right=True).clamp(max=num - 1)

    def factors(self, examples: Tensor) -> Tensor | None:
        if not self.unbiased or self.probabilities is None:
            return None
        if self._factors is None:
            own = 1 / (len(self.probabilities) * self.probabilities)
            self._factors = own.to(examples.device, torch.get_default_dtype())
        return self._factors[examples]

    def fared(self, examples: Tensor, norms: Tensor) -> None:
        self._batches.append((examples, norms))

    def see(self, event: Event) -> None:
        if isinstance(event, Begun) and not event.step:
            self._begin()
        if isinstance(event, Begun | Stepped):
            self.progress = event.step / event.steps
        if isinstance(event, Stepped) and event.norm is not None:
            self._steps.append((event.architectures, event.norm))

    def _renew(self, num: int) -> None:
        """Take the probabilities of the next epoch from the norms so far."""
        if self._example_norms is None:
            self._example_norms = torch.full((num,), torch.nan)
        self._read()
        if self.path * self.progress:
            self.values = {
                name: self._mixed(_tensor(norms), self.path).tolist()
                for name, norms in self._value_norms.items()
            }
        if self.data * self.progress:
            self.probabilities, self._factors = self._mixed(self._example_norms, self.data), None

    def _mixed(self, norms: Tensor, most: float) -> Tensor:
        """Probabilities of what has these norms, some of them nan."""
        known = norms[~norms.isnan()]
        filled = norms.double().nan_to_num(float(known.mean()) if len(known) else 1.0)
        total, uniform = filled.sum(), 1 / len(norms)
        share = filled / total if total > 0 else torch.full_like(filled, uniform)
        tau = most * self.progress
        return self.floor * uniform + (1 - self.floor) * (tau * share + (1 - tau) * uniform)

    def _read(self) -> None:
        """Fetch the norms that nobody waited for."""
        for architectures, norm in self._steps:
            for architecture in architectures:
                self._note(architecture, float(norm))
        for examples, norms in self._batches:
            if self._example_norms is not None:
                self._example_norms[examples.cpu()] = norms.float().cpu()
        self._steps, self._batches = [], []

    def _note(self, architecture: Architecture, norm: float) -> None:
        for name, values in self._sizes.items():
            norms = self._value_norms.setdefault(name, [None] * len(values))
            if name in architecture:
                i = values.index(architecture[name])
                last = norms[i]
                norms[i] = norm if last is None else (last + norm) / 2

    def state(self) -> State:
        self._read()
        tensors = {"probabilities": self.probabilities, "example_norms": self._example_norms}
        return {
            "epoch": self.epoch,
            "values": self.values,
            "value_norms": self._value_norms,
            **{name: tensor for name, tensor in tensors.items() if tensor is not None},
        }

    def restore(self, state: State) -> None:
        self._begin()
        own: dict[str, Any] = dict(state)
        self.epoch, self.values = own["epoch"], own["values"]
        self._value_norms = own["value_norms"]
        self.probabilities = own.get("probabilities")
        self._example_norms = own.get("example_norms")


def _tensor(norms: Sequence[float | None]) -> Tensor:  # shape: (V,), nan where there is none
    return torch.tensor([math.nan if norm is None else norm for norm in norms])


def _drawn(probabilities: Sequence[float], rng: torch.Generator) -> int:
    """A place, drawn by probabilities."""
    own = torch.tensor(probabilities, dtype=torch.double)
    return int(torch.multinomial(own, 1, generator=rng))
