"""Relaxations: from the parameters of a choice to weights of its values that sum to 1."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from hypernas.training.settings import check_ranges


class Relaxation(ABC):
    """Weights of the values of a choice, through which gradients reach its parameters."""

    @abstractmethod
    def __call__(
        self,
        alpha: Tensor,  # shape: (V,)
        progress: float,  # of the search, from 0 to 1
        rng: torch.Generator,
    ) -> Tensor:  # shape: (V,), at least 0, of sum 1
        ...


class Softmax(Relaxation):
    """exp(alpha) over its sum: DARTS (Liu et al., 2019, arXiv 1806.09055, equation 2)."""

    def __call__(self, alpha: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        return alpha.softmax(0)


class Sparsemax(Relaxation):
    """The nearest point of the simplex, which leaves values out (Martins and Astudillo, 2016, arXiv 1602.02068).

    What TangleNAS takes for entangled weights in the place of DARTS's softmax.
    """

    def __call__(self, alpha: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        ordered = alpha.sort(descending=True).values
        sums = ordered.cumsum(0) - 1
        counts = torch.arange(1, len(alpha) + 1, device=alpha.device)
        kept = int((counts * ordered > sums).sum())
        return (alpha - sums[kept - 1] / kept).relu()


class Dirichlet(Relaxation):
    """A draw of the Dirichlet distribution of elu(alpha) + 1: DrNAS (Chen et al., 2021, arXiv 2006.10355)."""

    def __call__(self, alpha: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        drawn = torch.distributions.Dirichlet(F.elu(alpha) + 1)
        with torch.random.fork_rng(devices=[]):  # it takes no generator
            torch.default_generator.manual_seed(_seed(rng))
            return drawn.rsample()


class Gumbel(Relaxation):
    """One value, drawn with the probability that softmax gives it; gradients as of softmax: GDAS.

    Dong and Yang, 2019, arXiv 1910.04465, equations 5 to 7. The temperature falls linearly.

    Args:
        hottest, coldest: temperatures at the start and at the end.

    Raises:
        ValueError: if they are not positive.
    """

    def __init__(self, *, hottest: float = 10.0, coldest: float = 0.1) -> None:
        check_ranges(
            "Gumbel", hottest=(hottest, (1e-6, math.inf)), coldest=(coldest, (1e-6, math.inf))
        )
        self.hottest, self.coldest = hottest, coldest

    def __call__(self, alpha: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        noise = -torch.empty(alpha.shape).exponential_(generator=rng).log().to(alpha)
        heat = self.hottest + progress * (self.coldest - self.hottest)
        soft = ((alpha.log_softmax(0) + noise) / heat).softmax(0)
        hard = F.one_hot(soft.argmax(), len(alpha)).to(soft)
        return hard - soft.detach() + soft


def _seed(rng: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=rng))
