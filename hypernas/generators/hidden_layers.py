"""Hidden layers of the networks that write weights."""

from collections.abc import Sequence

import torch
from torch import nn


def hidden_units(widths: Sequence[int]) -> tuple[int, ...]:
    """The units of each hidden layer.

    Raises:
        ValueError: if one has none, as everything behind it would be constant.
    """
    found = tuple(map(int, widths))
    if any(width < 1 for width in found):
        raise ValueError(f"hidden_dims must be 1 or more each, or [] for no layer, got {[*found]}.")
    return found


def linear(fan_in: int, fan_out: int, *, deviation: float, rng: torch.Generator) -> nn.Linear:
    """A linear layer with normal weights and biases of zero, drawn from no global generator."""
    layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.normal_(0, deviation, generator=rng)
        layer.bias.zero_()
    return layer
