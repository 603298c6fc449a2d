"""The ready-made spaces, of a size for tests, each with a batch of inputs."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from hypernas import Architecture, SearchSpace
from hypernas.spaces import conv1d, conv2d, mlp, mobilenet, resnet, seq2seq, transformer_lm, vit


class Ready(NamedTuple):
    space: SearchSpace
    inputs: tuple[Tensor, ...]

    def some(self, num: int) -> list[Architecture]:
        """The smallest, the largest and `num` random architectures."""
        rng = torch.Generator().manual_seed(0)
        random = [self.space.sample(rng) for _ in range(num)]
        return [self.space.smallest(), self.space.largest(), *random]

    def neighbours(self) -> list[Architecture]:
        """The largest architecture with one choice at another of its values, for all of them."""
        largest = self.space.largest()
        return [
            self.space.architecture({**largest, name: value})
            for name, choice in self.space.choices.items()
            for value in choice.values
            if value != largest[name]
        ]


def _images(*shape: int) -> Tensor:
    return torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))


def _symbols(length: int) -> Tensor:
    return torch.randint(1, 11, (4, length), generator=torch.Generator().manual_seed(length))


def small_mlp() -> Ready:
    return Ready(mlp(input_shape=(3, 4), num_classes=5, widths=[4, 8]), (_images(3, 4),))


def small_conv1d() -> Ready:
    space = conv1d(input_shape=(3, 8), num_classes=5, widths=[[4, 6], [6, 8]])
    return Ready(space, (_images(3, 8),))


def small_conv2d() -> Ready:
    space = conv2d(input_shape=(3, 8, 8), num_classes=5, widths=[[4, 6], [6, 8]])
    return Ready(space, (_images(3, 8, 8),))


def small_resnet() -> Ready:
    space = resnet(
        input_shape=(3, 8, 8),
        num_classes=5,
        widths=[[4, 6, 8], [8, 12]],
        depths=[[1, 2, 3], [1, 2]],
    )
    return Ready(space, (_images(3, 8, 8),))


def small_mobilenet() -> Ready:
    space = mobilenet(
        input_shape=(3, 8, 8),
        num_classes=5,
        widths=[[4, 6], [6, 8]],
        depths=[[1, 2], [1, 2, 3]],
        strides=[1, 2],
        squeeze=[False, True],
        activations=["relu", "hardswish"],
        expansions=[1, 2.5, 4],
        stem_width=8,
        last_width=12,
        head_dim=16,
    )
    return Ready(space, (_images(3, 8, 8),))


def small_vit() -> Ready:
    space = vit(
        input_shape=(3, 8, 8),
        num_classes=5,
        depths=[1, 2, 3],
        embed_dims=[8, 12, 16],
        heads=[1, 2, 3],
        head_dim=4,
        ratios=[1, 1.5, 2],
    )
    return Ready(space, (_images(3, 8, 8),))


def small_transformer_lm() -> Ready:
    space = transformer_lm(
        input_shape=(8,),
        num_classes=11,
        depths=[1, 2, 3],
        embed_dims=[8, 12, 16],
        heads=[1, 2, 3],
        head_dim=4,
    )
    return Ready(space, (_symbols(8),))


def small_seq2seq() -> Ready:
    space = seq2seq(
        input_shape=(8,),
        num_classes=11,
        encoder_dims=[8, 12],
        decoder_dims=[6, 10, 14],
        encoder_ffn_dims=[8, 16],
        decoder_ffn_dims=[8, 16],
        heads=[1, 2, 4],
        qkv_dim=8,
        padding=0,
    )
    return Ready(space, (_symbols(7), _symbols(5)))


READY: dict[str, Callable[[], Ready]] = {
    make.__name__.removeprefix("small_"): cache(make)  # so that the law looks at each space once
    for make in (
        small_mlp,
        small_conv1d,
        small_conv2d,
        small_resnet,
        small_mobilenet,
        small_vit,
        small_transformer_lm,
        small_seq2seq,
    )
}
