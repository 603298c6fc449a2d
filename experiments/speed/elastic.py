"""Ordinary elastic modules of the targets: sizes are state, weights are slices of one parameter each.

As once-for-all and whittle have them, written for these targets alone: no generator, no search space, no
hypernas. They compute what a subnet with inherited weights does (a test), and are what steps are measured
against.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Legend: N examples, T positions, D channels.


class Linear(nn.Linear):
    """The first `inputs` columns and `outputs` rows."""

    inputs: int
    outputs: int

    def resize(self, inputs: int, outputs: int) -> None:
        self.inputs, self.outputs = inputs, outputs

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias[: self.outputs]
        return F.linear(x, self.weight[: self.outputs, : self.inputs], bias)


class Convolution(nn.Conv2d):
    """The first `inputs` and `outputs` channels, of a kernel that stays as large as it is."""

    inputs: int
    outputs: int

    def resize(self, inputs: int, outputs: int) -> None:
        self.inputs, self.outputs = inputs, outputs

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight[: self.outputs, : self.inputs]
        bias = None if self.bias is None else self.bias[: self.outputs]
        return F.conv2d(x, weight, bias, self.stride, self.padding)


class LayerNorm(nn.LayerNorm):
    channels: int

    def forward(self, x: Tensor) -> Tensor:
        n = self.channels
        return F.layer_norm(x, (n,), self.weight[:n], self.bias[:n], self.eps)


class BatchNorm(nn.BatchNorm2d):
    channels: int

    def forward(self, x: Tensor) -> Tensor:
        n = self.channels
        mean, variance = self.running_mean[:n], self.running_var[:n]
        if self.training:
            self.num_batches_tracked.add_(1)
        return F.batch_norm(
            x,
            mean,
            variance,
            self.weight[:n],
            self.bias[:n],
            self.training,
            self.momentum,
            self.eps,
        )


class Attention(nn.Module):
    """Queries, keys and values of the first `heads` heads, of each third of one matrix."""

    heads: int

    def __init__(self, dim: int, heads: int, head_dim: int, *, causal: bool) -> None:
        super().__init__()
        self.head_dim, self.causal = head_dim, causal
        self.qkv = nn.Linear(dim, 3 * heads * head_dim)
        self.project = Linear(heads * head_dim, dim)

    def resize(self, dim: int, heads: int) -> None:
        self.dim, self.heads = dim, heads
        self.project.resize(heads * self.head_dim, dim)

    def forward(self, x: Tensor) -> Tensor:  # shape: (N, T, D)
        inner = self.heads * self.head_dim
        weight = self.qkv.weight.unflatten(0, (3, -1))[:, :inner, : self.dim].flatten(0, 1)
        bias = self.qkv.bias.unflatten(0, (3, -1))[:, :inner].flatten()
        qkv = F.linear(x, weight, bias).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.project(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, head_dim: int, hidden: int, *, causal: bool) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = LayerNorm(dim), LayerNorm(dim)
        self.attention = Attention(dim, heads, head_dim, causal=causal)
        self.feed_forward = nn.ModuleDict(
            {"expand": Linear(dim, hidden), "contract": Linear(hidden, dim)}
        )

    def resize(self, dim: int, heads: int, hidden: int) -> None:
        self.attention_norm.channels = self.feed_forward_norm.channels = dim
        self.attention.resize(dim, heads)
        self.feed_forward["expand"].resize(dim, hidden)
        self.feed_forward["contract"].resize(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        inner = F.gelu(self.feed_forward["expand"](self.feed_forward_norm(x)))
        return x + self.feed_forward["contract"](inner)


class Transformer(nn.Module):
    """What both transformers have: layers, of which the first `depth` are run, and a norm."""

    depth: int
    dim: int

    def __init__(
        self, dim: int, depth: int, heads: int, head_dim: int, hidden: int, *, causal: bool
    ) -> None:
        super().__init__()
        blocks = (Block(dim, heads, head_dim, hidden, causal=causal) for _ in range(depth))
        self.blocks, self.norm = nn.ModuleList(blocks), LayerNorm(dim)

    def resize(self, a: Mapping[str, Any]) -> None:
        self.dim, self.depth = a["embed_dim"], a["depth"]
        self.norm.channels = self.dim
        for i in range(self.depth):
            hidden = round(self.dim * a[f"ratio_{i}"])
            self.blocks[i].resize(self.dim, a[f"heads_{i}"], hidden)

    def layers(self, x: Tensor) -> Tensor:
        for i in range(self.depth):
            x = self.blocks[i](x)
        return self.norm(x)


class LanguageModel(Transformer):
    def __init__(self, vocabulary: int, context: int, **sizes: int) -> None:
        super().__init__(**sizes, causal=True)
        self.embedding = nn.Embedding(vocabulary, sizes["dim"])
        self.positions = nn.Parameter(torch.zeros(context, sizes["dim"]))

    def forward(self, tokens: Tensor) -> Tensor:
        words = self.embedding.weight[:, : self.dim]
        x = F.embedding(tokens, words) + self.positions[: tokens.shape[1], : self.dim]
        return F.linear(self.layers(x), words)


class VisionTransformer(Transformer):
    def __init__(self, patch_size: int, num_patches: int, num_classes: int, **sizes: int) -> None:
        super().__init__(**sizes, causal=False)
        dim = sizes["dim"]
        self.patches = Convolution(3, dim, patch_size, patch_size)
        self.positions = nn.Parameter(torch.zeros(num_patches + 1, dim))
        self.class_token = nn.Parameter(torch.zeros(dim))
        self.head = Linear(dim, num_classes)

    def resize(self, a: Mapping[str, Any]) -> None:
        super().resize(a)
        self.patches.resize(3, self.dim)
        self.head.resize(self.dim, self.head.out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        token = self.class_token[: self.dim].expand(len(x), 1, -1)
        x = torch.cat([token, x], dim=1) + self.positions[:, : self.dim]
        return self.head(self.layers(x)[:, 0])


class Perceptron(nn.Module):
    def __init__(self, inputs: int, width: int, depth: int, num_classes: int) -> None:
        super().__init__()
        layers = [nn.ModuleList([Linear(width if i else inputs, width)]) for i in range(depth)]
        self.layers = nn.ModuleList(layers)
        self.head = Linear(width, num_classes)

    def resize(self, a: Mapping[str, Any]) -> None:
        widths = [self.layers[0][0].in_features, *(a[f"width_{i}"] for i in range(a["depth"]))]
        for i in range(a["depth"]):
            self.layers[i][0].resize(widths[i], widths[i + 1])
        self.depth = a["depth"]
        self.head.resize(widths[-1], self.head.out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for i in range(self.depth):
            x = self.layers[i][0](x).relu()
        return self.head(x)


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Convolution(inputs, width, 3, stride, 1, bias=False)
        self.norm1, self.norm2 = BatchNorm(width), BatchNorm(width)
        self.conv2 = Convolution(width, width, 3, 1, 1, bias=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            conv = Convolution(inputs, width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, BatchNorm(width))

    def resize(self, inputs: int, width: int) -> None:
        self.conv1.resize(inputs, width)
        self.conv2.resize(width, width)
        self.norm1.channels = self.norm2.channels = width
        if isinstance(self.shortcut, nn.Sequential):
            self.shortcut[0].resize(inputs, width)
            self.shortcut[1].channels = width

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm1(self.conv1(x)).relu()
        return (self.shortcut(x) + self.norm2(self.conv2(inner))).relu()


class ResNet(nn.Module):
    def __init__(self, widths: tuple[int, ...], depth: int, num_classes: int) -> None:
        super().__init__()
        self.stem, self.stem_norm = (
            Convolution(3, widths[0], 3, 1, 1, bias=False),
            BatchNorm(widths[0]),
        )
        self.stages = nn.ModuleList()
        for s, width in enumerate(widths):
            before = widths[s - 1] if s else width
            first = BasicBlock(before, width, 2 if s else 1)
            rest = (BasicBlock(width, width, 1) for _ in range(depth - 1))
            self.stages.append(nn.ModuleList([first, *rest]))
        self.head = Linear(widths[-1], num_classes)

    def resize(self, a: Mapping[str, Any]) -> None:
        widths = [a[f"width_{s}"] for s in range(len(self.stages))]
        self.depths = [a[f"depth_{s}"] for s in range(len(self.stages))]
        self.stem.resize(3, widths[0])
        self.stem_norm.channels = widths[0]
        for s, blocks in enumerate(self.stages):
            for b in range(self.depths[s]):
                blocks[b].resize(widths[s - 1] if s and not b else widths[s], widths[s])
        self.head.resize(widths[-1], self.head.out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x)).relu()
        for s, depth in enumerate(self.depths):
            for b in range(depth):
                x = self.stages[s][b](x)
        return self.head(x.mean((2, 3)))


ELASTIC = {  # by the name of the target
    "mlp": lambda: Perceptron(784, 256, 2, 10),
    "resnet20": lambda: ResNet((16, 32, 64), 3, 10),
    "vit_small": lambda: VisionTransformer(
        16, 16, 10, dim=384, depth=12, heads=6, head_dim=64, hidden=1536
    ),
    "transformer": lambda: LanguageModel(
        65, 128, dim=256, depth=6, heads=8, head_dim=32, hidden=1024
    ),
}
