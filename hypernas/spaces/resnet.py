"""Residual networks of basic blocks, elastic in the width and depth of stages and in kernels."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.norms import Norm, make_norm

Stem = Literal["cifar", "imagenet"]


class BasicBlock(nn.Module):
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x)))))); the first convolution has the stride.

    The shortcut is the identity, or with `project` a convolution of 1 x 1 and a norm.
    """

    def __init__(
        self, *, inputs: int, width: int, kernel: int, stride: int, project: bool, norm: Norm
    ) -> None:
        super().__init__()
        padding, bias = kernel // 2, norm == "none"
        self.conv1 = nn.Conv2d(inputs, width, kernel, stride, padding, bias=bias)
        self.norm1 = make_norm(norm, width, 2)
        self.conv2 = nn.Conv2d(width, width, kernel, padding=padding, bias=bias)
        self.norm2 = make_norm(norm, width, 2)
        self.shortcut: nn.Module = nn.Identity()
        if project:
            conv = nn.Conv2d(inputs, width, 1, stride, bias=bias)
            self.shortcut = nn.Sequential(conv, make_norm(norm, width, 2))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm1(self.conv1(x)).relu()
        return (self.shortcut(x) + self.norm2(self.conv2(inner))).relu()


class ResNet(nn.Module):
    """A stem, stages of blocks, a mean over space, and a linear head."""

    def __init__(
        self,
        *,
        inputs: int,
        stages: Sequence[Sequence[BasicBlock]],
        widths: Sequence[int],
        num_classes: int,
        stem: Stem,
        norm: Norm,
    ) -> None:
        super().__init__()
        kernel, stride = (3, 1) if stem == "cifar" else (7, 2)
        self.stem = nn.Conv2d(inputs, widths[0], kernel, stride, kernel // 2, bias=norm == "none")
        self.stem_norm = make_norm(norm, widths[0], 2)
        self.pool = nn.Identity() if stem == "cifar" else nn.MaxPool2d(3, 2, 1)
        self.stages = nn.ModuleList(nn.Sequential(*blocks) for blocks in stages)
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(
        self,
        x: Tensor,  # shape: (N, channels, height, width)
    ) -> Tensor:  # shape: (N, num_classes)
        x = self.pool(self.stem_norm(self.stem(x)).relu())
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean((2, 3)))


@checked
def resnet(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[Sequence[int]] = ((8, 12, 16), (16, 24, 32), (32, 48, 64)),
    depths: Sequence[Sequence[int]] = ((1, 2, 3), (1, 2, 3), (1, 2, 3)),
    kernels: Sequence[int] = (3, 5),
    stem: Stem = "cifar",
    norm: Norm = "batch",
) -> SearchSpace:
    """Residual networks over images of shape (channels, height, width).

    He et al., "Deep residual learning for image recognition", 2015, arXiv 1512.03385. The default
    holds their ResNet-20 for CIFAR as one of its points (with projections for shortcuts, their
    option B); `widths=[[64], [128], [256], [512]]`, `depths=[[3], [4], [6], [3]]`, `kernels=[3]`
    and `stem="imagenet"` is ResNet-34.

    Choices, for each stage s: `width_s`, `depth_s`; and for each block b of it that is there:
    `kernel_s_b`, of both its convolutions. The stem is as wide as the first stage; every further
    stage halves height and width in its first block, whose shortcut is a projection.

    Args:
        widths: for each stage, the channels to choose from.
        depths: for each stage, the numbers of blocks to choose from, 1 or more.
        kernels: to choose from, odd.
        stem: "cifar" is a convolution of 3 x 3, "imagenet" one of 7 x 7 and max pooling, which
            together quarter height and width.
        norm: of every convolution; without one convolutions have biases.

    Raises:
        ValueError: if the input has not three axes, a kernel is even, a depth is below 1, the stem
            is unknown, or widths and depths are not given for the same stages.
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"space=resnet needs images of (channels, height, width), "
            f"got the shape {tuple(input_shape)}."
        )
    if any(kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"kernels must be odd, got {list(kernels)}.")
    if not widths or len(widths) != len(depths) or min(map(min, depths)) < 1:
        raise ValueError(
            f"widths and depths need one list for each stage, and depths of 1 or more, "
            f"got widths {list(widths)} and depths {list(depths)}."
        )
    if stem not in ("cifar", "imagenet"):
        raise ValueError(f"stem must be cifar or imagenet, got {stem!r}.")
    choices: dict[str, Choice | Sequence[Any]] = {}
    for s, (stage_widths, stage_depths) in enumerate(zip(widths, depths, strict=True)):
        choices[f"width_{s}"] = list(stage_widths)
        choices[f"depth_{s}"] = list(stage_depths)
        for b in range(max(stage_depths)):
            there = {f"depth_{s}": [depth for depth in stage_depths if depth > b]}
            choices[f"kernel_{s}_{b}"] = Choice(kernels, when=there)
    build = partial(
        _build,
        inputs=input_shape[0],
        num_classes=num_classes,
        num_stages=len(widths),
        stem=stem,
        norm=norm,
    )
    return SearchSpace(choices, build)


def _build(
    architecture: Mapping[str, Any],
    *,
    inputs: int,
    num_classes: int,
    num_stages: int,
    stem: Stem,
    norm: Norm,
) -> ResNet:
    widths = [architecture[f"width_{s}"] for s in range(num_stages)]
    stages = []
    for s, width in enumerate(widths):
        blocks = []
        for b in range(architecture[f"depth_{s}"]):
            enters = s > 0 and b == 0
            blocks.append(
                BasicBlock(
                    inputs=widths[s - 1] if enters else width,
                    width=width,
                    kernel=architecture[f"kernel_{s}_{b}"],
                    stride=2 if enters else 1,
                    project=enters,
                    norm=norm,
                )
            )
        stages.append(blocks)
    return ResNet(
        inputs=inputs, stages=stages, widths=widths, num_classes=num_classes, stem=stem, norm=norm
    )
