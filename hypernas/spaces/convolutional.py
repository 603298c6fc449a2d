"""Residual convolutional networks over signals and images, elastic in every stage and block."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.norms import Norm, make_norm

_CONV = {1: nn.Conv1d, 2: nn.Conv2d}


class Block(nn.Module):
    """x + norm(conv1x1(relu(norm(conv(x))))), with `hidden` channels between the convolutions."""

    def __init__(self, *, width: int, hidden: int, kernel: int, space_dim: int, norm: Norm) -> None:
        super().__init__()
        conv = _CONV[space_dim]
        self.expand = conv(width, hidden, kernel, padding=kernel // 2, bias=norm == "none")
        self.expand_norm = make_norm(norm, hidden, space_dim)
        self.project = conv(hidden, width, 1, bias=norm == "none")
        self.project_norm = make_norm(norm, width, space_dim)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.expand_norm(self.expand(x)).relu()
        return x + self.project_norm(self.project(hidden))


class Stage(nn.Module):
    """A convolution to the stage's width, of some stride, then blocks."""

    def __init__(
        self, *, inputs: int, width: int, stride: int, blocks: Sequence[Block], norm: Norm
    ) -> None:
        super().__init__()
        space_dim = 1 if isinstance(blocks[0].expand, nn.Conv1d) else 2
        conv = _CONV[space_dim]
        self.enter = conv(inputs, width, 3, stride=stride, padding=1, bias=norm == "none")
        self.enter_norm = make_norm(norm, width, space_dim)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter_norm(self.enter(x)).relu()
        for block in self.blocks:
            x = block(x)
        return x


class ConvNet(nn.Module):
    """Stages, a mean over space, and a linear head."""

    def __init__(self, *, stages: Sequence[Stage], width: int, num_classes: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.head = nn.Linear(width, num_classes)

    def forward(
        self,
        x: Tensor,  # shape: (N, channels, *space)
    ) -> Tensor:  # shape: (N, num_classes)
        for stage in self.stages:
            x = stage(x)
        return self.head(x.flatten(2).mean(2))


@checked
def conv1d(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[Sequence[int]] = ((8, 12, 16), (16, 24, 32)),
    depths: Sequence[int] = (1, 2),
    kernels: Sequence[int] = (3, 5, 7),
    expansions: Sequence[int] = (1, 2),
    stem_stride: int = 1,
    norm: Norm = "batch",
) -> SearchSpace:
    """Networks over signals of shape (channels, length); choices as in `conv2d`."""
    return _space(
        1, input_shape, num_classes, widths, depths, kernels, expansions, stem_stride, norm
    )


@checked
def conv2d(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[Sequence[int]] = ((8, 12, 16), (16, 24, 32)),
    depths: Sequence[int] = (1, 2),
    kernels: Sequence[int] = (3, 5),
    expansions: Sequence[int] = (1, 2),
    stem_stride: int = 1,
    norm: Norm = "batch",
) -> SearchSpace:
    """Networks over images of shape (channels, height, width).

    Choices, for each stage s: `width_s`, `depth_s`; and for each block b of it that is there:
    `kernel_s_b` and `expansion_s_b` (hidden channels in units of the width).

    Args:
        widths: for each stage, the channels to choose from.
        depths, kernels, expansions: to choose from; kernels are odd.
        stem_stride: of the first stage's entry; later stages halve each axis of space.
        norm: of every convolution; without one convolutions have biases.

    Raises:
        ValueError: if the input has not the right number of axes, a kernel is even, or the stride is
            less than 1.
    """
    return _space(
        2, input_shape, num_classes, widths, depths, kernels, expansions, stem_stride, norm
    )


def _space(
    space_dim: int,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[Sequence[int]],
    depths: Sequence[int],
    kernels: Sequence[int],
    expansions: Sequence[int],
    stem_stride: int,
    norm: Norm,
) -> SearchSpace:
    if len(input_shape) != space_dim + 1:
        raise ValueError(
            f"space=conv{space_dim}d needs inputs of {space_dim + 1} axes (channels first), "
            f"got the shape {tuple(input_shape)}."
        )
    if stem_stride < 1:
        raise ValueError(f"stem_stride must be 1 or more, got {stem_stride}.")
    if any(kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"kernels must be odd, got {list(kernels)}.")
    choices: dict[str, Choice | Sequence[Any]] = {}
    for s, stage_widths in enumerate(widths):
        choices[f"width_{s}"] = list(stage_widths)
        choices[f"depth_{s}"] = list(depths)
        for b in range(max(depths)):
            there = {f"depth_{s}": [depth for depth in depths if depth > b]}
            choices[f"kernel_{s}_{b}"] = Choice(kernels, when=there)
            choices[f"expansion_{s}_{b}"] = Choice(expansions, when=there)
    build = partial(
        _build,
        inputs=input_shape[0],
        num_classes=num_classes,
        num_stages=len(widths),
        space_dim=space_dim,
        stem_stride=stem_stride,
        norm=norm,
    )
    return SearchSpace(choices, build)


def _build(
    architecture: Mapping[str, Any],
    *,
    inputs: int,
    num_classes: int,
    num_stages: int,
    space_dim: int,
    stem_stride: int,
    norm: Norm,
) -> ConvNet:
    stages = []
    for s in range(num_stages):
        width = architecture[f"width_{s}"]
        blocks = [
            Block(
                width=width,
                hidden=width * architecture[f"expansion_{s}_{b}"],
                kernel=architecture[f"kernel_{s}_{b}"],
                space_dim=space_dim,
                norm=norm,
            )
            for b in range(architecture[f"depth_{s}"])
        ]
        stages.append(
            Stage(
                inputs=inputs,
                width=width,
                stride=2 if s else stem_stride,
                blocks=blocks,
                norm=norm,
            )
        )
        inputs = width
    return ConvNet(stages=stages, width=inputs, num_classes=num_classes)
