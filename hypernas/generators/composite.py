"""Generators made of generators, and what is asked of the parts that make a subnet."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from torch import Tensor

from hypernas.border import checked
from hypernas.generators.generator import Generator, Given
from hypernas.generators.mixture import Mixture
from hypernas.generators.statistics import Statistics
from hypernas.mixing import Coefficients
from hypernas.subnet.subnet import Subnet


class Composite(Generator):
    """A generator whose weights come from others, over the same architectures."""

    @abstractmethod
    def members(self, subnet: Subnet) -> list[Generator]:
        """The generators that make the weights of a subnet."""

    def statistics(self, architecture: Given) -> Statistics:
        subnet = self.subnet(architecture)
        found = Statistics({})
        for part in self.members(subnet):
            found |= part.statistics(subnet)
        return found


def makers(generator: Generator, subnet: Subnet) -> Iterator[Generator]:
    """The generators, none of them composite, that make the weights of a subnet."""
    if isinstance(generator, Composite):
        for part in generator.members(generator.subnet(subnet)):
            yield from makers(part, subnet)
    else:
        yield generator


@checked
def coefficients(generator: Generator, architecture: Given) -> dict[str, Coefficients]:
    """Factors of the bank, by the parameters that have coefficients; none where there is no bank."""
    subnet = generator.subnet(architecture)
    found: dict[str, Coefficients] = {}
    for maker in makers(generator, subnet):
        if isinstance(maker, Mixture):
            found |= maker.coefficients(subnet)
    return found


@checked
def auxiliary_loss(generator: Generator, subnets: Sequence[Subnet]) -> Tensor | None:  # shape: ()
    """Loss that training adds, once a step, to those of the subnets of that step.

    Each mixture that wants its experts balanced, or to agree, adds its share, weighed by how many of the subnets
    it makes. None where none does.
    """
    total: Tensor | None = None
    made: dict[Mixture, list[Subnet]] = {}
    for subnet in subnets:
        for maker in makers(generator, subnet):
            if isinstance(maker, Mixture) and (maker.balance or maker.agreement):
                made.setdefault(maker, []).append(maker.subnet(subnet))
    for maker, own in made.items():
        term = maker.auxiliary(own) * (len(own) / len(subnets))
        total = term if total is None else total + term
    return total
