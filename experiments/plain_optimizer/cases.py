"""Small models of several kinds, as a user would bring them: none is written for hypernas."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from hypernas import SearchSpace
from hypernas.data import digits, mnist1d

NUM_EXAMPLES = 128


@dataclass(frozen=True)
class Case:
    """A search space and the examples, all of which are in every batch."""

    space: SearchSpace
    inputs: Tensor
    labels: Tensor


class MixerBlock(nn.Module):
    """Tolstikhin et al., "MLP-Mixer", 2021, arXiv 2105.01601."""

    def __init__(self, num_tokens: int, dim: int, token_dim: int, channel_dim: int) -> None:
        super().__init__()
        self.norm_tokens, self.norm_channels = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.tokens = two_layers(num_tokens, token_dim)
        self.channels = two_layers(dim, channel_dim)

    def forward(self, x: Tensor) -> Tensor:  # shape: (N, T, D)
        x = x + self.tokens(self.norm_tokens(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm_channels(x))


class Mixer(nn.Module):
    """On images of 8 × 8 pixels, in 16 patches."""

    def __init__(self, *, token_dim: int, channel_dim: int, depth: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 24, 2, stride=2)
        self.blocks = nn.Sequential(
            *(MixerBlock(16, 24, token_dim, channel_dim) for _ in range(depth))
        )
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(tokens)).mean(1))


class Cnn(nn.Module):
    """Convolutions with batch norm and pooling on images of 8 × 8 pixels."""

    def __init__(self, *, width: int, depth: int, kernel: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(depth):
            conv = nn.Conv2d(width if i else 1, width, kernel, padding=kernel // 2)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if i == 0 else []
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean((2, 3)))


class AttentionBlock(nn.Module):
    def __init__(self, dim: int, heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, 8
        self.norm_attention, self.norm_hidden = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key, self.value = (nn.Linear(dim, heads * 8) for _ in range(3))
        self.out = nn.Linear(heads * 8, dim)
        self.hidden = two_layers(dim, hidden_dim)

    def forward(self, x: Tensor) -> Tensor:  # shape: (N, T, D)
        y = self.norm_attention(x)
        q, k, v = (
            layer(y).unflatten(2, (self.heads, self.head_dim)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.hidden(self.norm_hidden(x))


class Transformer(nn.Module):
    """On signals of 40 values, in 10 pieces of 4."""

    def __init__(self, *, heads: int, hidden_dim: int, depth: int) -> None:
        super().__init__()
        self.pieces = nn.Linear(4, 24)
        self.position = nn.Parameter(0.1 * torch.randn(10, 24))
        self.blocks = nn.Sequential(*(AttentionBlock(24, heads, hidden_dim) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(24), nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.pieces(x.unflatten(2, (10, 4)).squeeze(1)) + self.position
        return self.head(self.norm(self.blocks(tokens)).mean(1))


class DeepMlp(nn.Module):
    """Residual layers without a norm, on flattened images."""

    def __init__(self, *, width: int, hidden_dim: int, depth: int) -> None:
        super().__init__()
        self.stem = nn.Linear(64, width)
        self.blocks = nn.ModuleList(two_layers(width, hidden_dim) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.flatten(1)).relu()
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def two_layers(dim: int, hidden_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, dim))


def on_digits(model: Callable[..., nn.Module], choices: Mapping[str, list]) -> Case:
    images, labels = digits().train.tensors
    return Case(space(model, choices), images[:NUM_EXAMPLES], labels[:NUM_EXAMPLES])


def on_signals(model: Callable[..., nn.Module], choices: Mapping[str, list]) -> Case:
    signals, labels = mnist1d(num_train=NUM_EXAMPLES).train.tensors
    return Case(space(model, choices), signals[:NUM_EXAMPLES], labels[:NUM_EXAMPLES])


def space(model: Callable[..., nn.Module], choices: Mapping[str, list]) -> SearchSpace:
    return SearchSpace(choices, build=lambda a: model(**a))


CASES: dict[str, Callable[[], Case]] = {
    "mixer": partial(
        on_digits,
        Mixer,
        {"token_dim": [8, 16, 32], "channel_dim": [16, 32, 64], "depth": [1, 2, 3, 4]},
    ),
    "cnn": partial(
        on_digits, Cnn, {"width": [8, 12, 16, 24], "depth": [1, 2, 3], "kernel": [1, 3, 5]}
    ),
    "transformer": partial(
        on_signals,
        Transformer,
        {"heads": [1, 2, 3], "hidden_dim": [16, 32, 64], "depth": [1, 2, 3, 4]},
    ),
    "deep_mlp": partial(
        on_digits,
        DeepMlp,
        {"width": [16, 24, 32], "hidden_dim": [16, 32, 64], "depth": [2, 4, 6, 8]},
    ),
}
