"""The generator that is one equation: a bank, coefficients of the architecture, and slices."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators.banks.bank import Bank
from hypernas.generators.coefficients.balance import imbalance
from hypernas.generators.coefficients.source import CoefficientSource
from hypernas.generators.generator import Generator, Given, ParameterGroup
from hypernas.generators.selection.slicer import Prefix, Slicer
from hypernas.generators.start.largest import fill_statistics, largest_subnet
from hypernas.generators.start.mixes import as_mixes, cannot_hold
from hypernas.generators.start.startable import Startable, StartableBank
from hypernas.generators.start.trained import Trained
from hypernas.generators.statistics import SharedStatistics, Statistics
from hypernas.mixing import Coefficients, mix_all
from hypernas.slicing import Slice
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.supernet import Supernet


class Mixture(Generator, Startable):
    """W_p(a) = Σ_k c_pk(a) B_pk [ I_p(a) ], for every parameter p of an architecture a.

    Args:
        supernet: the space's largest shapes.
        bank: parameter name -> B, shape (K, *largest).
        source: features of the architecture -> c.
        slicer: where in the bank a subnet's weights are, and what is made of them.
        coefficient_lr_scale: learning rate of the source's parameters, relative to the bank's.
        balance: weight of the mean `imbalance` of the gates over the architectures of a step, which
            `auxiliary_loss` adds to training. It wants several architectures a step: with one, it tells the gates of
            every architecture to be uniform.
        condition_dim: numbers the source reads beside the architecture.
        agreement: weight of the mean `disagreement` of the gates over the conditions of a step, which `auxiliary_loss`
            adds too. It wants several conditions a step, as `sampling.divide` gives.

    Raises:
        ValueError: for a negative agreement, or one without a condition.
    """

    @checked
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
        agreement: float = 0.0,
    ) -> None:
        if agreement < 0 or (agreement and not condition_dim):
            raise ValueError(
                f"agreement is 0, or above 0 where gates read a condition, got {agreement} and condition_dim={condition_dim}."
            )
        super().__init__(supernet.space, supernet=supernet, condition_dim=condition_dim)
        self.bank = bank
        self.source = source
        self.slicer = Prefix() if slicer is None else slicer
        self.coefficient_lr_scale, self.balance = coefficient_lr_scale, balance
        self.agreement = agreement
        self._statistics = SharedStatistics(supernet)
        self.assignment = {name: self._words(name) for name in supernet.shapes}
        if source.taxonomy:
            inputs = (*source.taxonomy.inputs, *(["condition"] if condition_dim else []))
            self.taxonomies = (replace(source.taxonomy, inputs=inputs),) if inputs else ()

    def _words(self, name: str) -> str:
        mixed = ", ".join(filter(None, [self.bank.words(name), self.source.words(name)]))
        return ", ".join(filter(None, [mixed or "shared", self.slicer.words(name)]))

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        located = [self.slicer.locate(subnet).weights for subnet in subnets]
        mixed = mix_all(self.bank, list(zip(self.emitted(subnets), located, strict=True)))
        return [self.slicer(*pair) for pair in zip(mixed, subnets, strict=True)]

    def emitted(self, subnets: Sequence[Subnet]) -> list[dict[str, Coefficients]]:
        """Factors of the bank for each subnet, by the parameters that have coefficients."""
        return self.source(torch.stack([subnet.features for subnet in subnets]))

    def coefficients(self, architecture: Given) -> dict[str, Coefficients]:
        """Factors of the bank, by the parameters that have coefficients."""
        return self.emitted([self.subnet(architecture)])[0]

    def slices(self, architecture: Given) -> Mapping[str, Slice]:
        """Parameter name -> where the subnet's weight is read from the largest shape."""
        return self.slicer.locate(self.subnet(architecture)).weights

    def statistics(self, architecture: Given) -> Statistics:
        """Slices of running statistics shared by all subnets: views, wherever they can be."""
        subnet = self.subnet(architecture)
        return self._statistics(subnet, self.slicer.locate(subnet).statistics)

    def hold(self, trained: Trained) -> None:
        """Change the bank such that the largest architecture has these weights.

        Raises:
            ValueError: if the bank cannot hold any weights, or the slicer puts weights together of parts.
        """
        subnet = largest_subnet(self)
        located = self.slicer.locate(subnet).weights
        if not isinstance(self.bank, StartableBank) or set(located) != set(subnet.slices.weights):
            raise ValueError(cannot_hold({name: self._words(name) for name in self.assignment}))
        self.bank.hold(*as_mixes(trained.weights, self.coefficients(subnet)))
        fill_statistics(self, trained)

    def auxiliary(self, subnets: Sequence[Subnet]) -> Tensor:  # shape: ()
        """The loss that training adds to those of some subnets of a step."""
        total = self._like.new_zeros(())
        if self.balance:
            total = total + self.balance * self.imbalance(subnets)
        if self.agreement:
            total = total + self.agreement * self.disagreement(subnets)
        return total

    def imbalance(self, subnets: Sequence[Subnet]) -> Tensor:  # shape: ()
        """The mean over routers of the `imbalance` of their gates for some subnets of a step."""
        gates = _gates(self.emitted(subnets))
        return torch.stack([imbalance(g) for g in gates] or [self._like.new_zeros(())]).mean()

    def disagreement(self, subnets: Sequence[Subnet]) -> Tensor:  # shape: ()
        """The mean over routers and subnets of the variance of a gate over the conditions of all of them.

        0 if and only if each architecture has the same gates under each condition, and so one set of weights.
        """
        num, dim = len(subnets), self.condition_dim
        features = torch.stack([subnet.features for subnet in subnets])
        own = features[:, :-dim].repeat_interleave(num, 0)
        gates = _gates(self.source(torch.cat([own, features[:, -dim:].repeat(num, 1)], 1)))
        apart = [g.unflatten(0, (num, num)).var(1, correction=0).mean() for g in gates]
        return torch.stack(apart or [self._like.new_zeros(())]).mean()

    def parameter_groups(self) -> list[ParameterGroup]:
        """The bank's, and those of the slicer and of whatever writes coefficients, undecayed."""
        own = list(self.source.parameters())
        scale = self.coefficient_lr_scale
        groups = self.bank.parameter_groups()
        groups.append(ParameterGroup("slicing", list(self.slicer.parameters()), decay=False))
        groups.append(ParameterGroup("coefficients", own, decay=False, lr_scale=scale))
        return [group for group in groups if group.parameters]


def _gates(found: Sequence[Mapping[str, Coefficients]]) -> list[Tensor]:
    """The gates of each router for N subnets, shape (N, K) or (N, O, K)."""
    # parameters of one router have the same coefficients: count them once
    distinct = {id(c): name for name, c in found[0].items() if c.experts is not None}
    return [
        torch.stack([experts for c in found if (experts := c[name].experts) is not None])
        for name in distinct.values()
    ]
