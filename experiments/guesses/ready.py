"""Ready-made spaces of a small size, each with a batch of inputs, and generators of them by name."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hypernas import SearchSpace, generators
from hypernas.spaces import conv1d, conv2d, mlp, mobilenet, resnet, seq2seq, transformer_lm, vit

METHODS = (
    "shared", "hypernas", "mos_layer", "mos_neuron", "mip_hypernetwork", "ofa", "soft_sharing", "ssn", "acdc",
    "reduced_sharing", "few_shot",
)  # fmt: skip


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def symbols(length: int) -> Tensor:
    return torch.randint(1, 11, (4, length), generator=torch.Generator().manual_seed(length))


SPACES: dict[str, tuple[Callable[[], SearchSpace], tuple[Tensor, ...]]] = {
    "mlp": (lambda: mlp(input_shape=(3, 4), num_classes=5, widths=[4, 8]), (drawn(4, 3, 4),)),
    "conv1d": (lambda: conv1d(input_shape=(3, 8), num_classes=5), (drawn(4, 3, 8),)),
    "conv2d": (lambda: conv2d(input_shape=(3, 8, 8), num_classes=5), (drawn(4, 3, 8, 8),)),
    "resnet": (lambda: resnet(input_shape=(3, 8, 8), num_classes=5), (drawn(4, 3, 8, 8),)),
    "mobilenet": (lambda: mobilenet(input_shape=(3, 8, 8), num_classes=5), (drawn(4, 3, 8, 8),)),
    "vit": (lambda: vit(input_shape=(3, 8, 8), num_classes=5), (drawn(4, 3, 8, 8),)),
    "transformer_lm": (lambda: transformer_lm(input_shape=(8,), num_classes=11), (symbols(8),)),
    "seq2seq": (lambda: seq2seq(input_shape=(7,), num_classes=11), (symbols(7), symbols(6))),
}  # fmt: skip


def small() -> tuple[SearchSpace, Tensor]:
    """A space of perceptrons without norms, and a batch."""
    space = mlp(input_shape=(6,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="none")
    return space, drawn(5, 6)


def made(name: str, space: SearchSpace) -> Any:
    """A generator by its method's name, with the least that it needs."""
    return getattr(generators, name)(space)
