"""Spaces that differ in what is elastic, each over a small network on embedded or given data."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from hypernas import SearchSpace
from hypernas.data import Data, DataNotFound, digits, fashion_mnist, mnist1d, tiny_shakespeare
from hypernas.spaces import conv1d, conv2d, transformer_lm

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sine": torch.sin,
    "bell": lambda x: torch.exp(-x.square()),
}
CHOICES = {f"function_{i}": [*FUNCTIONS] for i in range(3)}
CHANNELS = 16


@dataclass(frozen=True)
class Task:
    """A space and its data.

    Attributes:
        data: their name.
        elastic: what the subnets differ in, in a few words.
        make: data -> space.
    """

    data: str
    elastic: str
    make: Callable[[Data], SearchSpace]


class Block(nn.Module):
    """x + function(norm(layer(x)))."""

    def __init__(
        self, layer: nn.Module, function: Callable[[Tensor], Tensor], norm: type[nn.Module]
    ) -> None:
        super().__init__()
        self.layer, self.norm, self.function = layer, norm(CHANNELS), function

    def forward(self, x: Tensor) -> Tensor:
        return x + self.function(self.norm(self.layer(x)))


class Net(nn.Module):
    """An entry, blocks, and a linear head on the mean and the maximum over time, or over places."""

    def __init__(self, enter: nn.Module, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.enter = enter
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(2 * CHANNELS, 10)

    def forward(self, x: Tensor) -> Tensor:  # shape: (N, 1, T) or (N, 1, H, W)
        x = self.blocks(self.enter(x).relu()).flatten(2)
        return self.head(torch.cat([x.mean(2), x.amax(2)], 1))


def of_signals(layers: list[nn.Module], functions: list[Callable[[Tensor], Tensor]]) -> Net:
    blocks = [Block(*both, nn.BatchNorm1d) for both in zip(layers, functions, strict=True)]
    return Net(nn.Conv1d(1, CHANNELS, 5, stride=2, padding=2), blocks)


def own(name: str, layer: nn.Module) -> nn.Module:
    """A layer with weights of its own, under a name."""
    return nn.Sequential(OrderedDict({name: layer}))


OPERATIONS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv1d(CHANNELS, CHANNELS, 5, padding=2),
    "depthwise": lambda: nn.Conv1d(CHANNELS, CHANNELS, 9, padding=8, dilation=2, groups=CHANNELS),
    "pointwise": lambda: nn.Conv1d(CHANNELS, CHANNELS, 1),
    "pooling": lambda: nn.MaxPool1d(3, stride=1, padding=1),
}


def convolution(dilation: int = 1) -> nn.Module:
    return nn.Conv1d(CHANNELS, CHANNELS, 5, padding=2 * dilation, dilation=dilation)


def operations(a: Any) -> nn.Module:
    kinds = [a[f"kind_{i}"] for i in range(3)]
    return of_signals([own(kind, OPERATIONS[kind]()) for kind in kinds], [torch.relu] * 3)


def functions(a: Any) -> Net:
    return of_signals([convolution() for _ in range(3)], chosen(a))


def functions_with_own_weights(a: Any) -> nn.Module:
    net = functions(a)
    net.blocks = nn.Sequential(*(own(a[f"function_{i}"], b) for i, b in enumerate(net.blocks)))
    return net


def functions_of_images(a: Any) -> nn.Module:
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(3)]
    blocks = [Block(*both, nn.BatchNorm2d) for both in zip(layers, chosen(a), strict=True)]
    return Net(nn.Conv2d(1, CHANNELS, 5, stride=4, padding=2), blocks)


def chosen(a: Any) -> list[Callable[[Tensor], Tensor]]:
    return [FUNCTIONS[a[f"function_{i}"]] for i in range(3)]


def dilations(a: Any) -> nn.Module:
    return of_signals([convolution(a[f"dilation_{i}"]) for i in range(3)], [torch.relu] * 3)


class Attention(nn.Module):
    """Causal attention whose channels are divided among the heads: fewer heads are wider ones."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:  # shape: (N, T, D)
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(found.transpose(1, 2).flatten(2))


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.forward = function


class Characters(nn.Module):
    """A language model of 24 channels, in layers of some heads and a function each."""

    def __init__(
        self,
        heads: list[int],
        vocabulary: int,
        context: int,
        dim: int = 24,
        functions: list[Callable[[Tensor], Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.positions = nn.Parameter(dim**-0.5 * torch.randn(context, dim))
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)
        self.attention = nn.ModuleList(Attention(dim, own) for own in heads)
        self.hidden = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, 2 * dim), Function(own), nn.Linear(2 * dim, dim))
            for own in functions or [gelu] * len(heads)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2 * len(heads) + 1))

    def forward(self, tokens: Tensor) -> Tensor:  # shape: (N, T)
        x = self.embedding(tokens) + self.positions
        norms = iter(self.norms)
        for attention, hidden in zip(self.attention, self.hidden, strict=True):
            x = x + attention(next(norms)(x))
            x = x + hidden(next(norms)(x))
        return next(norms)(x) @ self.embedding.weight.T


def each(name: str, values: list, build: Callable[[Any], nn.Module], num: int = 3):
    """Data -> a space of that choice for each of some blocks."""
    choices = {f"{name}_{i}": values for i in range(num)}
    return lambda data: SearchSpace(choices, build=build)


def divided_heads(data: Data) -> SearchSpace:
    def build(a: Any) -> nn.Module:
        return Characters([a["heads_0"], a["heads_1"]], data.num_classes, *data.input_shape)

    return SearchSpace({f"heads_{i}": [1, 2, 4, 8] for i in range(2)}, build=build)


def functions_space(*, input_shape: Sequence[int], num_classes: int) -> SearchSpace:
    """The space `functions`, as `space=own` names it; for signals of 1 × 40 in 10 classes."""
    del input_shape, num_classes
    return SearchSpace(CHOICES, build=functions)


def functions_own_space(*, input_shape: Sequence[int], num_classes: int) -> SearchSpace:
    """The networks of `functions`, whose blocks share nothing where their functions differ."""
    del input_shape, num_classes
    return SearchSpace(CHOICES, build=functions_with_own_weights)


def functions_images_space(*, input_shape: Sequence[int], num_classes: int) -> SearchSpace:
    """The space `functions_images`; for images of 1 × 28 × 28 in 10 classes."""
    del input_shape, num_classes
    return SearchSpace(CHOICES, build=functions_of_images)


def functions_characters_space(*, input_shape: Sequence[int], num_classes: int) -> SearchSpace:
    """The space `functions_characters`."""

    def build(a: Any) -> nn.Module:
        return Characters([2, 2, 2], num_classes, *input_shape, functions=chosen(a))

    return SearchSpace(CHOICES, build=build)


def ready_made(space: Callable[..., SearchSpace], **fixed: Any) -> Callable[[Data], SearchSpace]:
    return lambda data: space(input_shape=data.input_shape, num_classes=data.num_classes, **fixed)


SMALL = {"depths": [1], "kernels": [5], "expansions": [1], "stem_stride": 2}
MODEL = {"depths": [2], "embed_dims": [24], "heads": [2], "head_dim": 8, "ratios": [2]}
NARROW, EIGHTFOLD = [[12, 14, 16], [24, 28, 32]], [[2, 4, 8, 16], [4, 8, 16, 32]]

TASKS: dict[str, Task] = {
    "widths_narrow": Task(
        "signals", "widths, 12 to 16", ready_made(conv1d, **SMALL | {"widths": NARROW})
    ),
    "widths_eightfold": Task(
        "signals", "widths, 2 to 16", ready_made(conv1d, **SMALL | {"widths": EIGHTFOLD})
    ),
    "kernels": Task(
        "signals",
        "kernel sizes, 1 to 9",
        ready_made(
            conv1d, **SMALL | {"widths": [[12], [24]], "depths": [2], "kernels": [1, 5, 9]}
        ),
    ),
    "depths": Task(
        "signals",
        "depths, 1 to 4",
        ready_made(conv1d, **SMALL | {"widths": [[12], [24]], "depths": [1, 2, 3, 4]}),
    ),
    "operations": Task(
        "signals",
        "operations with weights of their own",
        each("kind", ["convolution", "depthwise", "pointwise", "pooling"], operations),
    ),
    "dilations": Task(
        "signals", "dilations of the same kernel", each("dilation", [1, 2, 4], dilations)
    ),
    "functions": Task(
        "signals", "functions after the same layer", ready_made(functions_space)
    ),
    "functions_images": Task(
        "images", "functions after the same layer", ready_made(functions_images_space)
    ),
    "functions_characters": Task(
        "characters", "functions after the same layer", ready_made(functions_characters_space)
    ),
    "heads": Task("characters", "heads of the same channels, 1 to 8", divided_heads),
    "embeddings": Task(
        "characters",
        "channels, 4 to 32",
        ready_made(transformer_lm, **MODEL | {"embed_dims": [4, 8, 12, 16, 24, 32]}),
    ),
    "transformer": Task(
        "characters",
        "all of gap_transformer_plenty",
        ready_made(
            transformer_lm,
            depths=[1, 2],
            embed_dims=[16, 24, 32],
            heads=[1, 2, 4],
            head_dim=8,
            ratios=[1, 2, 4],
        ),
    ),
    "few_images": Task(
        "digits", "widths, 2 to 16; 1,000 images", ready_made(conv2d, **SMALL | {"kernels": [3], "widths": EIGHTFOLD})
    ),
}  # fmt: skip


@cache
def data_of(name: str) -> Data:
    """Signals and digits are embedded; text is found by HYPERNAS_TINY_SHAKESPEARE, images by Debian's package."""
    make = {
        "signals": partial(mnist1d, num_train=16_000, num_test=2000),
        "digits": digits,
        "images": partial(fashion_mnist, num_train=20_000, num_validation=1000, num_test=3000),
        "characters": partial(tiny_shakespeare, context=32),
    }
    return make[name]()


def has_data(name: str) -> bool:
    try:
        data_of(name)
    except DataNotFound:
        return False
    return True
