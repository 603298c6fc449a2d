"""Inputs on which the networks of a space are run: guesses, and copies of those that are given."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from hypernas.subnet.arguments import Arguments

_EXAMPLES, _POSITIONS, _SIDE = 2, 6, 32


def guesses(module: nn.Module) -> Iterator[Arguments]:
    """Inputs that a module may take, by the layers it has, the likeliest first."""
    rng = torch.Generator().manual_seed(0)
    for layer in module.modules():
        found = list(_inputs_of(layer, rng))
        for x in found:
            yield Arguments((x,))
        if found and not found[0].is_floating_point():  # encoder and decoder
            yield Arguments((found[0], found[0].flip(1)))
        if found:
            named = getattr(module, "main_input_name", None)
            sizes = [getattr(getattr(module, "config", None), key, None) for key in ("image_size",)]
            if named:
                for x in (*_images(layer, sizes, rng), *found):
                    yield Arguments((), {named: x})
                yield Arguments((), {named: found[0], f"decoder_{named}": found[0].flip(1)})
            return


def _images(layer: nn.Module, sizes: list[Any], rng: torch.Generator) -> Iterator[Tensor]:
    if isinstance(layer, nn.Conv2d) and isinstance(sizes[0], int):
        yield torch.randn(_EXAMPLES, layer.in_channels, sizes[0], sizes[0], generator=rng)


def _inputs_of(layer: nn.Module, rng: torch.Generator) -> Iterator[Tensor]:
    """Inputs of the first layer of a network."""
    match layer:
        case nn.Embedding():
            shape = (_EXAMPLES, _POSITIONS)
            yield torch.randint(layer.num_embeddings, shape, generator=rng)
        case nn.Linear():
            n = layer.in_features
            yield torch.randn(_EXAMPLES, n, generator=rng)
            yield torch.randn(_EXAMPLES, _POSITIONS, n, generator=rng)
            for channels in (1, 3):  # of images that are flattened
                side = round((n / channels) ** 0.5)
                if channels * side * side == n:
                    yield torch.randn(_EXAMPLES, channels, side, side, generator=rng)
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            num_axes = len(layer.kernel_size)
            for side in (_SIDE, 28, 64) if num_axes < 3 else (16,):
                shape = (_EXAMPLES, layer.in_channels, *[side] * num_axes)
                yield torch.randn(shape, generator=rng)
        case nn.RNNBase():
            shape = (_EXAMPLES, _POSITIONS, layer.input_size)
            yield torch.randn(shape, generator=rng)
        case nn.MultiheadAttention():
            yield torch.randn(_EXAMPLES, _POSITIONS, layer.embed_dim, generator=rng)
        case nn.LayerNorm():
            yield torch.randn(_EXAMPLES, _POSITIONS, *layer.normalized_shape, generator=rng)


def copied(given: Arguments) -> Arguments:
    """Arguments with tensors of their own."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, given)
