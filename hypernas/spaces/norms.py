"""The normalisation a ready-made space can be built with."""

from typing import Literal

from torch import nn

Norm = Literal["batch", "group", "layer", "none"]

_BATCH = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


def make_norm(norm: Norm, channels: int, space_dim: int) -> nn.Module:
    """A norm of `channels` channels, followed by `space_dim` spatial axes.

    `group` has 8 channels a group (one group where 8 does not divide), `layer` is one group.

    Raises:
        ValueError: for an unknown norm.
    """
    match norm:
        case "batch":
            return _BATCH[space_dim](channels)
        case "group":
            return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "none":
            return nn.Identity()
    raise ValueError(f"norm must be batch, group, layer or none, got {norm!r}.")
