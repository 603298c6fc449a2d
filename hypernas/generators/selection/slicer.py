"""Slicers: which part of a bank a subnet's weights are, and what is made of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hypernas.subnet.supernet import Subnet


class Slicer(nn.Module, ABC):
    """The third part of a mixture: between a bank of the largest shapes and a subnet's weights.

    Attributes:
        settles: whether it leaves something free that `settle` decides.
    """

    settles: bool = False

    @abstractmethod
    def locate(self, subnet: Subnet) -> Subnet:
        """The subnet with the slices, of weights and statistics, that are read from the bank.

        A slicer that makes one parameter of several parts gives a slice for each part, under a name
        of its own, by which the bank and the coefficients know it.
        """

    @abstractmethod
    def forward(
        self,
        weights: dict[str, Tensor],  # mixed from the located slices
        subnet: Subnet,  # as it was before it was located
    ) -> dict[str, Tensor]:  # of the subnet's shapes
        """What is made of the mixed slices."""

    @abstractmethod
    def settle(self, subnet: Subnet, measure: Callable[[], float], rng: torch.Generator) -> None:
        """Decide what is free in a subnet's slices, by what it measures under each candidate.

        Args:
            measure: the loss of the subnet with what is decided at the time of the call.
            rng: of the candidates.
        """

    @abstractmethod
    def words(self, name: str) -> str:
        """What is special about a parameter's slices; empty where nothing is."""


class Plain(Slicer):
    """Prefixes, centres of kernels and layouts, as `hypernas.slicing` finds them."""

    def locate(self, subnet: Subnet) -> Subnet:
        return subnet

    def forward(self, weights: dict[str, Tensor], subnet: Subnet) -> dict[str, Tensor]:
        return weights

    def settle(self, subnet: Subnet, measure: Callable[[], float], rng: torch.Generator) -> None:
        """Nothing is free."""

    def words(self, name: str) -> str:
        return ""
