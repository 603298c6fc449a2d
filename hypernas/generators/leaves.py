"""Weights of several subnets that are used one after the other."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators.generator import Generator, Given


@checked
@contextlib.contextmanager
def together(
    generator: Generator, architectures: Sequence[Given]
) -> Iterator[list[dict[str, Tensor]]]:
    """Generate the weights of some architectures at once, and send their gradients back at once.

    What is yielded are leaves that hold the generated weights. Each subnet's own backward pass ends
    there, so one subnet's activations are freed before the next one runs; at the end of the block
    all gradients go through the generator in one pass.
    """
    generated = generator.many(architectures)
    leaves = [
        {name: w.detach().requires_grad_(w.requires_grad) for name, w in weights.items()}
        for weights in generated
    ]
    yield leaves
    reached = [
        (weight, leaf.grad)
        for weights, own in zip(generated, leaves, strict=True)
        for weight, leaf in zip(weights.values(), own.values(), strict=True)
        if leaf.grad is not None
    ]
    if reached:
        torch.autograd.backward([w for w, _ in reached], [g for _, g in reached])
