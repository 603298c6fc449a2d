"""Direct weight sharing."""

from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.source import Constant
from hypernas.generators.mixture import Mixture
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def shared(space: SearchSpace, *, seed: int = 0, start: Start | None = None) -> Mixture:
    """Every subnet is a slice of the largest one: one weight for each of its parameters.

    The supernet of HAT (Wang et al., 2020, arXiv 2005.14187), Once-for-All (Cai et al., 2020, arXiv
    1908.09791, without kernel transforms) and BigNAS (Yu et al., 2020, arXiv 2003.11142).

    Args:
        seed: of the initialisation, which is the builder's own.
        start: a trained module that the largest subnet starts as (see `start_at`).
    """
    supernet = Supernet(space)
    generator = Mixture(supernet, bank=PerParameterBank(supernet, seed=seed), source=Constant())
    return start_at(generator, start)
