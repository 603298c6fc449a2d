"""Direct weight sharing."""

from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.source import Constant
from hypernas.generators.mixture import Mixture
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def shared(space: SearchSpace, *, seed: int = 0) -> Mixture:
    """Every subnet is a slice of the largest one: one weight for each of its parameters.

    The supernet of HAT (Wang et al., 2020, arXiv 2005.14187), Once-for-All (Cai et al., 2020, arXiv
    1908.09791, without kernel transforms) and BigNAS (Yu et al., 2020, arXiv 2003.11142).

    Args:
        seed: of the initialisation, which is the builder's own.
    """
    supernet = Supernet(space)
    return Mixture(supernet, bank=PerParameterBank(supernet, seed=seed), source=Constant())
