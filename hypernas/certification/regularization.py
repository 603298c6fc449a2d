"""Regularisers of certified training: bounds that stay tight, and activations that stay balanced."""

import torch
from torch import Tensor
from torch.nn import functional as F

from hypernas.certification.bounds import Bounds
from hypernas.certification.trace import Trace

_LEAST = 1e-12


def tightness(bounds: Bounds, inputs: Bounds, *, tolerance: float = 0.5) -> Tensor:  # shape: ()
    """The share by which the mean radius grew beyond what is tolerated: relu(t - d0 / d) / t.

    Shi et al. (2021, arXiv 2103.17268), equation of the relaxed tightness loss.
    """
    grown = inputs.radius.mean() / bounds.radius.mean().clamp(min=_LEAST)
    return F.relu(tolerance - grown) / tolerance


def balance(bounds: Bounds, *, tolerance: float = 0.5) -> Tensor:  # shape: ()
    """The imbalance of activations that are surely on and surely off, of their means and of their spreads.

    Shi et al. (2021, arXiv 2103.17268); 0 where there are none of either.
    """
    center = bounds.center
    on, off = (bounds.lower > 0).to(center), (bounds.upper < 0).to(center)
    spread = (center - center.mean()).square()
    found = center.new_zeros(())
    for above, below in (
        ((center * on).mean(), -(center * off).mean()),
        ((spread * on).mean(), (spread * off).mean()),
    ):
        if bool((above > 0) & (below > 0)):
            ratio = above / below.clamp(min=_LEAST)
            found = found + F.relu(tolerance - torch.minimum(ratio, 1 / ratio)) / tolerance
    return found


def regularization(trace: Trace, *, tolerance: float = 0.5) -> Tensor:  # shape: ()
    """Tightness and balance, the means over the activations that were met."""
    if not trace.activations:
        return trace.inputs.value.new_zeros(())
    found = [
        tightness(bounds, trace.inputs, tolerance=tolerance) + balance(bounds, tolerance=tolerance)
        for bounds in trace.activations
    ]
    return torch.stack(found).mean()
