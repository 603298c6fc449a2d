"""Initialisation that keeps the radius of intervals from layer to layer."""

import math
from typing import Any

import torch
from torch import Tensor

from hypernas.certification.interval import interval
from hypernas.space import SearchSpace
from hypernas.subnet.skeleton import build_seeded

_LEAST = 1e-6


def ibp(space: SearchSpace, inputs: Tensor, *, seed: int = 0) -> dict[str, Tensor]:
    """A start for generators: the largest architecture, whose layers neither widen nor narrow intervals.

    Weights of linear layers and convolutions but for the last have a standard deviation of sqrt(2 pi) / fan_in, so that
    fan_in E|W| / 2 = 1 is what a layer with its ReLU multiplies a radius by; sqrt(fan_in / pi) is it under Kaiming's. Those that a residual
    sum is fed to have half of that, as it adds two radii up (Shi et al., 2021, arXiv 2103.17268, section 3.1). We follow a sum through
    activations, norms and pooling, beyond which the published code does not look. Other tensors are the builder's.

    Which layers there are, and in which order, is what an interval meets on its way through the module.

    Args:
        inputs: of a few examples.

    Returns:
        The module's `state_dict`, for `start=` of any generator that can begin at a module.

    Raises:
        Unbounded: if the module has operations without bounds.
    """
    module = build_seeded(space, space.largest(), seed=seed).eval()
    with torch.no_grad():
        reached = module(interval(inputs, _LEAST)).trace.affine
        if not reached:
            raise ValueError(
                "start=ibp draws linear layers and convolutions, and the module has none on its way: take another start."
            )
        names = {id(p): p for p in module.parameters()}
        layers = {id(one.weight): one for one in reached if id(one.weight) in names}
        rng = torch.Generator().manual_seed(seed)
        last = id(reached[-1].weight)
        for key, layer in layers.items():
            if key == last:
                continue
            std = math.sqrt(2 * math.pi) / fan_in(layer.name, layer.weight)
            drawn = torch.randn(layer.weight.shape, generator=rng)
            names[key].copy_(drawn * (std / 2 if layer.added else std))
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def fan_in(name: str, weight: Any) -> int:
    """Inputs that one output of a linear layer or a convolution is summed of."""
    if "transpose" in name:
        return weight.shape[0] * math.prod(weight.shape[2:])
    return math.prod(weight.shape[1:])
