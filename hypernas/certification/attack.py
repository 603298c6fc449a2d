"""Attacks: inputs in a box that a model gets wrong."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from hypernas.certification.bounds import box


@torch.enable_grad()
def attacked(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,  # shape: (N,)
    radius: float,
    *,
    steps: int = 20,
    low: float | None = None,
    high: float | None = None,
    rng: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:  # truth values (N,), and the last inputs
    """True where projected gradient ascent on the cross-entropy found an input that the model gets wrong.

    Steps of 2.5 radius / steps in the gradient's sign, from a random place of the box, back into it (Madry et al.,
    2018, arXiv 1706.06083); the inputs themselves are tried first, and all places on the way.

    Args:
        low, high: between which all inputs are.
    """
    lower, upper = box(inputs, radius, low=low, high=high)
    with torch.no_grad():
        wrong = model(inputs).argmax(1) != labels
        noise = torch.rand(inputs.shape, generator=rng).to(inputs)
        found = lower + (upper - lower) * noise
    for _ in range(steps):
        found = found.detach().requires_grad_()
        logits = model(found)
        wrong = wrong | (logits.detach().argmax(1) != labels)
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), found)
        step = 2.5 * radius / steps
        found = torch.minimum(torch.maximum(found + step * gradient.sign(), lower), upper)
    found = found.detach()
    with torch.no_grad():
        wrong = wrong | (model(found).argmax(1) != labels)
    return wrong, found
