"""Load balancing: how unevenly experts are used."""

from torch import Tensor


def imbalance(
    gates: Tensor,  # shape: (..., K), not negative
) -> Tensor:  # shape: ()
    """The squared coefficient of variation of the mean gates of K experts.

    0 where all are used alike, K - 1 where one does everything. The importance loss of Shazeer et
    al., 2017, arXiv 1701.06538, equation 7, over architectures (and neurons) instead of examples.
    """
    used = gates.flatten(0, -2).mean(0)
    return len(used) * used.square().sum() / used.sum().square() - 1
