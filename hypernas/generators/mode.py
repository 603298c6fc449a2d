"""The modes in which generators make weights."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def full_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """The precision of the generator's own parameters, also under autocast."""
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


@contextlib.contextmanager
def evaluating(generator: nn.Module) -> Iterator[None]:
    """Evaluation mode, in which no coefficients are dropped; undone at the end."""
    modes = [(part, part.training) for part in generator.modules()]
    try:
        generator.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training
