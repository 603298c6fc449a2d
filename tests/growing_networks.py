"""Networks to grow: convolutions, linear layers, attention, a language model; each with a batch."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from hypernas import Architecture, SearchSpace
from hypernas.generators import Mixture
from hypernas.growth import member
from hypernas.spaces import transformer_lm

LANGUAGE = transformer_lm(
    input_shape=(6,),
    num_classes=7,
    depths=[1, 2],
    embed_dims=[8, 16],
    heads=[1, 2],
    head_dim=4,
    ratios=[2],
)
TOKENS = torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(0))


class Grown(NamedTuple):
    space: SearchSpace
    small: tuple[Architecture | dict, ...]
    large: Architecture | dict
    inputs: Tensor

    def members(self, *, num_templates: int = 2) -> list[Mixture]:
        """Members whose norms have seen a batch."""
        made = [
            member(self.space, architecture=a, num_templates=num_templates, seed=m)
            for m, a in enumerate(self.small)
        ]
        for generator in made:
            generator.train()
            with torch.no_grad():
                for name, p in generator.named_parameters():
                    if "stacks" in name and p.dim() == 2:  # norms and biases, which start constant
                        p += 0.2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(3))
                generator.call(generator.space.largest(), self.inputs)
            generator.eval()
        return made


class ConvNet(nn.Module):
    """Convolution, norm, residual blocks with a depthwise convolution, a head."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(2, a["width"], 3), nn.BatchNorm2d(a["width"])
        self.blocks = nn.ModuleList(ConvBlock(a["width"], a["hidden"]) for _ in range(a["depth"]))
        self.head = nn.Linear(a["width"], 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class ConvBlock(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand, self.norm1 = nn.Conv2d(width, hidden, 1), nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.project = nn.Conv2d(hidden, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.depthwise(self.norm1(self.expand(x)).relu()).relu()
        return x + self.norm2(self.project(hidden))


class Linears(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.one, self.norm = nn.Linear(5, a["width"]), nn.BatchNorm1d(a["width"])
        self.two = nn.Linear(a["width"], a["hidden"])
        self.head = nn.Linear(a["hidden"], 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.norm(self.one(x)).relu()).tanh())


class Attending(nn.Module):
    """Attention with fused projections, without norms."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.heads = a["heads"]
        self.embed = nn.Linear(5, a["model"])
        self.positions = nn.Parameter(torch.randn(4, a["model"]))
        self.qkv = nn.Linear(a["model"], 3 * self.heads * 4)
        self.project = nn.Linear(self.heads * 4, a["model"])
        self.head = nn.Linear(a["model"], 3)

    def forward(self, x: Tensor) -> Tensor:  # x: (N, 4, 5)
        x = self.embed(x) + self.positions
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, 4)).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.head((x + self.project(attended.transpose(1, 2).flatten(2))).mean(1))


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def conv() -> Grown:
    space = SearchSpace({"width": [4, 8], "hidden": [6, 12], "depth": [1, 2]}, ConvNet)
    small = {"width": 4, "hidden": 6, "depth": 1}
    return Grown(space, (small, small), small | {"width": 8, "hidden": 12}, _normal(6, 2, 6, 6))


def linear() -> Grown:
    space = SearchSpace({"width": [4, 8], "hidden": [6, 12]}, Linears)
    small = {"width": 4, "hidden": 6}
    return Grown(space, (small, small), {"width": 8, "hidden": 12}, _normal(6, 5))


def attention() -> Grown:
    layouts = {"qkv.weight": "(three heads dim) model", "qkv.bias": "(three heads dim)"}
    space = SearchSpace({"model": [6, 12], "heads": [1, 2]}, Attending, layouts)
    small = {"model": 6, "heads": 1}
    return Grown(space, (small, small), {"model": 12, "heads": 2}, _normal(6, 4, 5))


NETWORKS: dict[str, Callable[[], Grown]] = {f.__name__: f for f in (conv, linear, attention)}
EVERY = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def weights_of(generator):
    with torch.no_grad():
        return generator(generator.space.largest())


def coefficients_of(generator):
    found = generator.coefficients(generator.space.largest())
    return {name: c.experts.detach() for name, c in found.items() if c.experts is not None}


def outputs_of(generator, inputs):
    with torch.no_grad():
        return generator.call(generator.space.largest(), inputs)
