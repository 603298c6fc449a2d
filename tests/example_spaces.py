"""Small search spaces that between them hold every difficulty a user's module may bring."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hypernas import Architecture, Choice, SearchSpace


class Example(NamedTuple):
    space: SearchSpace
    inputs: Tensor


class ConvBlock(nn.Module):
    """Pointwise - depthwise - pointwise with batch norms and a residual."""

    def __init__(self, width: int, ratio: int, kernel: int) -> None:
        super().__init__()
        hidden = width * ratio
        self.expand = nn.Conv2d(width, hidden, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden)
        self.depthwise_norm = nn.BatchNorm2d(hidden)
        self.project = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.expand_norm(self.expand(x)))
        return x + self.project(torch.relu(self.depthwise_norm(self.depthwise(hidden))))


class ConvNet(nn.Module):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture["width"]
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(
            *(
                ConvBlock(width, architecture[f"ratio_{i}"], architecture[f"kernel_{i}"])
                for i in range(architecture["depth"])
            )
        )
        self.head = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def conv() -> Example:
    choices = {"depth": Choice([1, 2]), "width": Choice([4, 6, 8])}
    for i in range(2):
        there = {"depth": list(range(i + 1, 3))}
        choices[f"kernel_{i}"] = Choice([3, 5], when=there)
        choices[f"ratio_{i}"] = Choice([1, 2], when=there)
    return Example(SearchSpace(choices, ConvNet), _normal(4, 3, 5, 5))


class MLP(nn.Module):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        depth = architecture["depth"]
        widths = [5] + [architecture[f"width_{i}"] for i in range(depth)]
        self.layers = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in range(depth))
        self.head = nn.Linear(widths[-1], 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x)


def mlp() -> Example:
    choices = {"depth": Choice([1, 2, 3])}
    choices |= {
        f"width_{i}": Choice([4, 8, 12], when={"depth": list(range(i + 1, 4))}) for i in range(3)
    }
    return Example(SearchSpace(choices, MLP), _normal(6, 5))


class TiedLanguageModel(nn.Module):
    """The head is the embedding; the buffers are one random and one of integers."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        dim, ffn = architecture["dim"], architecture["ffn"]
        self.embedding = nn.Embedding(11, dim)
        self.norm = nn.LayerNorm(dim)
        self.wide, self.narrow = nn.Linear(dim, ffn), nn.Linear(ffn, dim)
        self.head = nn.Linear(dim, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("phases", torch.rand(1, dim))
        self.register_buffer("order", torch.arange(11))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(self.order[tokens]) + self.phases
        return self.head(x + self.narrow(torch.relu(self.wide(self.norm(x)))))


def tied() -> Example:
    tokens = torch.randint(11, (3, 4), generator=torch.Generator().manual_seed(0))
    return Example(SearchSpace({"dim": [4, 6, 8], "ffn": [8, 16]}, TiedLanguageModel), tokens)


class Categorical(nn.Module):
    """Categories bring parameters, and running statistics, that others lack."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture["width"]
        self.enter = nn.Linear(5, width)
        norm = architecture["norm"]
        self.norm = nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width)
        self.activation = nn.Identity()
        if architecture["activation"] == "relu":
            self.activation = nn.ReLU()
        elif architecture["slope"] == "learned":
            self.activation = nn.PReLU(width)
        self.leave = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.activation(self.norm(self.enter(x))))


def categorical() -> Example:
    choices = {
        "norm": ["batch", "layer"],
        "activation": ["prelu", "relu"],
        "slope": Choice(["learned", "one"], when={"activation": ["prelu"]}),
        "width": [4, 8],
    }
    return Example(SearchSpace(choices, Categorical), _normal(6, 5))


class Attention(nn.Module):
    def __init__(self, model: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(model, 3 * heads * dim)
        self.project = nn.Linear(heads * dim, model)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.project(attended.transpose(1, 2).flatten(2))


class AttentionNet(nn.Module):
    """Beside the attention, bare parameters of three, one and no axes in one module."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        model = architecture["model"]
        self.positions = nn.Parameter(0.02 * torch.randn(1, 6, model))
        self.values = nn.Parameter(torch.ones(model))
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.mix = nn.ConvTranspose1d(3, model, 1)
        self.attention = Attention(model, architecture["heads"], architecture["dim"])

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(x).transpose(1, 2) + self.positions
        return (self.scale * self.values * (x + self.attention(x))).mean(1)


def attention() -> Example:
    space = SearchSpace(
        {"model": [4, 8], "heads": [1, 2, 3], "dim": [2, 4]},
        AttentionNet,
        inputs=_normal(4, 3, 6),
        layouts={
            "*.qkv.weight": "(three heads dim) model",
            "*.qkv.bias": "(three heads dim)",
            "*.project.weight": "model (heads dim)",
        },
    )
    return Example(space, space.inputs)


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


EXAMPLES: dict[str, Callable[[], Example]] = {
    example.__name__: cache(example) for example in (conv, mlp, tied, categorical, attention)
}
