"""The test of a symmetry: outputs of a network of random weights, before and after a permutation."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hypernas.generators.start.factors import Factor
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.structure import map_tensors, tensors

_SAME = 1e-6  # of the outputs of real weights
_TRIES = 3  # permutations under which a group must change nothing


class Probe:
    """A network with weights drawn at random, and its outputs on a batch: what tells symmetries.

    At random, since trained or untrained weights may be alike (biases of zero, scales of one) where
    the network has no symmetry; in double precision, where the module can be run so.

    Attributes:
        module: the network, a copy.

    Args:
        module: of the largest architecture, with its weights.
        inputs: a batch, as of a data set.
        seed: of the weights and the permutations.
    """

    def __init__(self, module: nn.Module, inputs: Any, *, seed: int = 0) -> None:
        self._rng = torch.Generator().manual_seed(seed)
        self.module, self._inputs, self._tolerance = _precise(module, inputs)
        names = norm_statistics(self.module)
        self._tensors = {
            **{n: self._drawn(p.detach()) for n, p in self.module.named_parameters()},
            **{n: self._statistic(n, b) for n, b in names.items() if b.is_floating_point()},
        }
        self._before = outputs(self.module, self._inputs, self._tensors)

    def unchanged_by(self, factors: Sequence[Factor]) -> bool:
        """True if the outputs stay the same when these factors are permuted alike."""
        for _ in range(_TRIES):
            order = torch.randperm(factors[0].size, generator=self._rng)
            if torch.equal(order, torch.arange(len(order))):
                order = order.roll(1)
            new = permuted(self._tensors, factors, order)
            after = outputs(self.module, self._inputs, new)
            if not alike(after, self._before, self._tolerance):
                return False
        return True

    def same(self, state: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
        """True if the outputs under two sets of parameters and buffers agree up to 1e-6 of the largest."""
        like = next(iter(self._tensors.values()))
        found, expected = (
            outputs(
                self.module,
                self._inputs,
                {n: t.to(like.dtype) if t.is_floating_point() else t for n, t in own.items()},
            )
            for own in (state, other)
        )
        return alike(found, expected, max(_SAME, self._tolerance))

    def _drawn(self, weight: Tensor) -> Tensor:
        noise = torch.randn(weight.shape, generator=self._rng, dtype=torch.double).to(weight)
        size = weight.square().mean().sqrt() if weight.numel() else 0.0
        return weight + noise * (0.3 * size + 0.02)

    def _statistic(self, name: str, buffer: Tensor) -> Tensor:
        drawn = torch.rand(buffer.shape, generator=self._rng, dtype=torch.double).to(buffer)
        return buffer * (drawn + 0.5) if name.endswith("running_var") else buffer + 0.1 * drawn


def permuted(
    tensors: Mapping[str, Tensor], factors: Sequence[Factor], order: Tensor
) -> dict[str, Tensor]:
    """Tensors by name, in which some factors are put in another order."""
    found = dict(tensors)
    for factor in factors:
        if factor.name in found:
            found[factor.name] = factor.permuted(found[factor.name], order)
    return found


@torch.no_grad()
def outputs(module: nn.Module, inputs: Any, tensors: Mapping[str, Tensor]) -> list[Tensor]:
    """The numbers that a module puts out on a batch, under given parameters and buffers."""
    given = Arguments.of(inputs)
    made = functional_call(module, dict(tensors), given.positional, dict(given.keywords))
    return [tensor.detach().clone() for tensor in _numbers(made)]


def alike(found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> bool:
    """True if outputs agree up to a tolerance, in units of the largest of each."""
    return all(
        bool(((a - b).abs().max() <= tolerance * b.abs().max()).item())
        for a, b in zip(found, expected, strict=True)
    )


def _numbers(value: Any) -> list[Tensor]:
    found = [tensor for tensor in tensors(value) if tensor.is_floating_point() and tensor.numel()]
    if not found:
        raise ValueError(
            "the network puts out no numbers on these inputs, to tell its symmetries by."
        )
    return found


def _precise(module: nn.Module, inputs: Any) -> tuple[nn.Module, Any, float]:
    """A copy of the module and its inputs in double precision, and the tolerance; as they are, where that fails."""
    double = copy.deepcopy(module).eval().double()
    given = map_tensors(lambda t: t.double() if t.is_floating_point() else t, Arguments.of(inputs))
    try:
        outputs(double, given, {})
    except RuntimeError:  # of two types in one product
        return copy.deepcopy(module).eval(), inputs, 1e-5
    return double, given, 1e-9
