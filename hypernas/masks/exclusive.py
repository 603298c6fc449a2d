"""Training of some entries of parameters, while all others stay what they are, bit for bit."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked


@checked
@contextlib.contextmanager
def training_only(
    optimizer: torch.optim.Optimizer, entries: Mapping[nn.Parameter, Tensor]
) -> Iterator[None]:
    """Within, steps of an optimizer move these entries alone.

    Gradients of the others are made zero before a step, so that norms and moments know nothing of them, and what a step
    does to them all the same (decay, momentum of before) is undone after it. So it holds under any optimizer that calls
    its hooks, as all of torch do. Published code multiplies the gradient alone, and forbids decay.

    Args:
        entries: parameter -> truth values of its shape. Parameters that are left out move as ever.

    Raises:
        ValueError: if entries are not of the shape of their parameter.
    """
    for parameter, own in entries.items():
        if own.shape != parameter.shape:
            raise ValueError(
                f"expected entries of the shape {tuple(parameter.shape)} of their parameter, got {tuple(own.shape)}."
            )
    chosen = {p: own.to(p.device, torch.bool) for p, own in entries.items()}
    kept = {p: p.detach().clone() for p in chosen}

    @torch.no_grad()
    def before(*_: Any) -> None:
        for parameter, own in chosen.items():
            if parameter.grad is not None:
                parameter.grad.masked_fill_(~own, 0)  # what is no number too

    @torch.no_grad()
    def after(*_: Any) -> None:
        for parameter, own in chosen.items():
            parameter.copy_(torch.where(own, parameter, kept[parameter]))

    hooks = optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
