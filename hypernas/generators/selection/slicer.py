"""Slicers: which part of a bank a subnet's weights are, and what is made of it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from hypernas.subnet.subnet import Slices, Subnet


class Slicer(nn.Module, ABC):
    """The third part of a mixture: between a bank of the largest shapes and a subnet's weights."""

    @abstractmethod
    def locate(self, subnet: Subnet) -> Slices:
        """The slices, of weights and statistics, that are read from the bank.

        A slicer that makes one parameter of several parts gives a slice for each part, under a name
        of its own, by which the bank and the coefficients know it.
        """

    @abstractmethod
    def forward(
        self,
        weights: dict[str, Tensor],  # mixed from the located slices
        subnet: Subnet,
    ) -> dict[str, Tensor]:  # of the subnet's shapes
        """The weights of the subnet, made of the mixed slices."""

    @abstractmethod
    def words(self, name: str) -> str:
        """Words for a parameter's slices where they are not plain; else empty."""


class Prefix(Slicer):
    """Prefixes, centres of kernels and layouts, as `hypernas.slicing` finds them."""

    def locate(self, subnet: Subnet) -> Slices:
        return subnet.slices

    def forward(self, weights: dict[str, Tensor], subnet: Subnet) -> dict[str, Tensor]:
        return weights

    def words(self, name: str) -> str:
        return ""
