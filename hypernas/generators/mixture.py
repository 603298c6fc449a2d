"""The generator that is one equation: a bank, coefficients of the architecture, and slices."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hypernas.generators.banks.bank import Bank
from hypernas.generators.coefficients.balance import imbalance
from hypernas.generators.coefficients.source import CoefficientSource
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.selection.slicer import Plain, Slicer
from hypernas.generators.statistics import SharedStatistics
from hypernas.generators.taxonomy import Taxonomy
from hypernas.mixing import Coefficients, mix_all
from hypernas.slicing import Slice
from hypernas.space.architecture import Architecture
from hypernas.space.cache import Cache
from hypernas.space.encoding import Encoding
from hypernas.subnet.supernet import Subnet, Supernet


class Mixture(Generator):
    """W_p(a) = Σ_k c_pk(a) B_pk [ I_p(a) ], for every parameter p of an architecture a.

    Args:
        supernet: the space's largest shapes.
        bank: parameter name -> B, shape (K, *largest).
        source: features of the architecture -> c.
        slicer: where in the bank a subnet's weights are, and what is made of them.
        coefficient_lr_scale: learning rate of the source's parameters, relative to the bank's.
        balance: weight of the mean `imbalance` of the gates over the architectures of a step, as
            `auxiliary_loss`. It wants several architectures a step: with one, it tells the gates of
            every architecture to be uniform.
        condition_dim: numbers the source reads beside the architecture.
    """

    def __init__(
        self,
        supernet: Supernet,
        *,
        bank: Bank,
        source: CoefficientSource,
        slicer: Slicer | None = None,
        coefficient_lr_scale: float = 1.0,
        balance: float = 0.0,
        condition_dim: int = 0,
    ) -> None:
        super().__init__(supernet.space, condition_dim=condition_dim)
        self.bank = bank
        self.source = source
        self.slicer = Plain() if slicer is None else slicer
        self.coefficient_lr_scale, self.balance = coefficient_lr_scale, balance
        self._supernet = supernet
        self._encoding = Encoding(supernet.space)
        self._features = Cache(1024)
        self._statistics = SharedStatistics(supernet)

    def generate(
        self, architectures: Sequence[Architecture], conditions: Tensor
    ) -> list[dict[str, Tensor]]:
        subnets = [self._subnet(architecture) for architecture in architectures]
        mixed = self.mixed(architectures, conditions)
        return [self.slicer(*pair) for pair in zip(mixed, subnets, strict=True)]

    def mixed(
        self,
        architectures: Sequence[Architecture],
        conditions: Tensor,
        *,
        names: Container[str] | None = None,
    ) -> list[dict[str, Tensor]]:
        """What `generate` gives the slicer: the mixed slices, of these names only, if any are given."""
        found = self.source(self.inputs(architectures, conditions))
        located = [self.slices(architecture) for architecture in architectures]
        if names is not None:
            located = [{n: where for n, where in s.items() if n in names} for s in located]
        read = dict.fromkeys(name for slices in located for name in slices)
        bank = {name: self.bank(name) for name in read}
        return mix_all(bank, list(zip(found, located, strict=True)))

    def coefficients(
        self, architecture: Mapping[str, Any], condition: Tensor | None = None
    ) -> dict[str, Coefficients]:
        return self.source(self.inputs([architecture], self.conditions(condition, 1)))[0]

    def auxiliary_loss(
        self, architectures: Sequence[Mapping[str, Any]], condition: Tensor | None = None
    ) -> Tensor:  # shape: ()
        if not self.balance:
            return self._like.new_zeros(())
        conditions = self.conditions(condition, len(architectures))
        found = self.source(self.inputs(architectures, conditions))
        # parameters of one router have the same coefficients: count them once
        distinct = {id(c): name for name, c in found[0].items() if c.experts is not None}
        gates = [torch.stack([c[name].experts for c in found]) for name in distinct.values()]
        terms = torch.stack([imbalance(g) for g in gates] or [self._like.new_zeros(())])
        return self.balance * terms.mean()

    def inputs(
        self, architectures: Sequence[Mapping[str, Any]], conditions: Tensor
    ) -> Tensor:  # shape: (N, D + C)
        """What the source reads: the features of each architecture, then its condition."""
        features = torch.stack([self.features(architecture) for architecture in architectures])
        return torch.cat([features, conditions], 1) if self.condition_dim else features

    def features(self, architecture: Mapping[str, Any]) -> Tensor:  # shape: (D,), each in [0, 1]
        """The encoding of an architecture, on our device and dtype."""
        architecture = self.space.architecture(architecture)
        key = (architecture, self._like.device, self._like.dtype)
        like = self._like
        return self._features.get(
            key,
            lambda: self._encoding(architecture).to(like.device, like.dtype, non_blocking=True),
        )

    def slices(self, architecture: Mapping[str, Any]) -> dict[str, Slice]:
        """Parameter name -> where the subnet's weight is read from the largest shape."""
        return self.slicer.locate(self._subnet(architecture)).slices

    def _subnet(self, architecture: Mapping[str, Any]) -> Subnet:
        return self._supernet.subnet(architecture, self.skeleton)

    def statistics(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        """Slices of running statistics shared by all subnets: views, wherever they can be."""
        return self._statistics(self.slicer.locate(self._subnet(architecture)).statistics)

    def update_statistics(
        self, architecture: Mapping[str, Any], statistics: Mapping[str, Tensor]
    ) -> None:
        located = self.slicer.locate(self._subnet(architecture))
        self._statistics.update(located.statistics, statistics)

    def settle(
        self,
        architecture: Mapping[str, Any],
        measure: Callable[[], float],
        *,
        rng: torch.Generator,
    ) -> None:
        """Let the slicer decide what is free in it for an architecture: see `Slicer.settle`."""
        self.slicer.settle(self._subnet(architecture), measure, rng)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The bank's, and those of the slicer and of whatever writes coefficients, undecayed."""
        own = list(self.source.parameters())
        scale = self.coefficient_lr_scale
        groups = self.bank.parameter_groups()
        groups.append(ParameterGroup("slicing", list(self.slicer.parameters()), decay=False))
        groups.append(ParameterGroup("coefficients", own, decay=False, lr_scale=scale))
        return [group for group in groups if group.parameters]

    def taxonomy(self) -> Taxonomy | None:
        found = self.source.taxonomy()
        if found and self.condition_dim:
            return replace(found, inputs="architecture- and condition")
        return found

    def assignment(self) -> dict[str, str]:
        found = {}
        for name in self._supernet.shapes:
            mixed = ", ".join(filter(None, [self.bank.words(name), self.source.words(name)]))
            found[name] = ", ".join(filter(None, [mixed or "shared", self.slicer.words(name)]))
        return found
