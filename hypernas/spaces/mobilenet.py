"""Inverted residuals with squeeze-excite, elastic in every stage and block."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice

Activation = Literal["relu", "hardswish"]

_ACTIVATIONS = {"relu": nn.ReLU, "hardswish": nn.Hardswish}


class SqueezeExcite(nn.Module):
    """Each channel times hardsigmoid(expand(relu(reduce(its mean over space))))."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(width, max(1, width // 4))
        self.expand = nn.Linear(max(1, width // 4), width)

    def forward(self, x: Tensor) -> Tensor:
        gates = self.expand(self.reduce(x.mean((2, 3))).relu())
        return x * nn.functional.hardsigmoid(gates)[:, :, None, None]


class InvertedResidual(nn.Module):
    """Expand by 1 x 1, filter each channel by itself, squeeze-excite, project by 1 x 1."""

    def __init__(
        self,
        *,
        inputs: int,
        hidden: int,
        width: int,
        kernel: int,
        stride: int,
        residual: bool,
        squeeze: bool,
        activation: Activation,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.expand = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(
            hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False
        )
        self.depthwise_norm = nn.BatchNorm2d(hidden)
        self.squeeze = SqueezeExcite(width=hidden) if squeeze else nn.Identity()
        self.project = nn.Conv2d(hidden, width, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(width)
        self.activation = _ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.expand_norm(self.expand(x)))
        hidden = self.activation(self.depthwise_norm(self.depthwise(hidden)))
        projected = self.project_norm(self.project(self.squeeze(hidden)))
        return x + projected if self.residual else projected


class MobileNet(nn.Module):
    """A stem, stages of blocks, a last 1 x 1 convolution, a mean over space, two linear layers."""

    def __init__(
        self,
        *,
        inputs: int,
        stem_width: int,
        stem_stride: int,
        stages: Sequence[Sequence[InvertedResidual]],
        width: int,
        last_width: int,
        head_dim: int,
        num_classes: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(inputs, stem_width, 3, stem_stride, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem_width)
        self.stages = nn.ModuleList(nn.Sequential(*blocks) for blocks in stages)
        self.last = nn.Conv2d(width, last_width, 1, bias=False)
        self.last_norm = nn.BatchNorm2d(last_width)
        self.hidden = nn.Linear(last_width, head_dim)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(head_dim, num_classes)
        self.activation = nn.Hardswish()

    def forward(
        self,
        x: Tensor,  # shape: (N, channels, height, width)
    ) -> Tensor:  # shape: (N, num_classes)
        x = self.activation(self.stem_norm(self.stem(x)))
        for stage in self.stages:
            x = stage(x)
        x = self.activation(self.last_norm(self.last(x))).mean((2, 3))
        return self.head(self.dropout(self.activation(self.hidden(x))))


@checked
def mobilenet(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[Sequence[int]] = ((12, 16), (16, 24), (24, 40)),
    depths: Sequence[Sequence[int]] = ((1, 2), (1, 2, 3), (1, 2, 3)),
    strides: Sequence[int] = (1, 2, 2),
    squeeze: Sequence[bool] = (False, True, True),
    activations: Sequence[Activation] = ("relu", "hardswish", "hardswish"),
    kernels: Sequence[int] = (3, 5, 7),
    expansions: Sequence[float] = (3, 4, 6),
    stem_width: int = 16,
    stem_stride: int = 1,
    last_width: int = 96,
    head_dim: int = 128,
    dropout: float = 0.0,
) -> SearchSpace:
    """MobileNetV3-like networks over images of shape (channels, height, width).

    Howard et al., "Searching for MobileNetV3", 2019, arXiv 1905.02244, made elastic as in
    Once-for-All (Cai et al., 2020, arXiv 1908.09791), whose kernels, depths and expansions are 3, 5,
    7; 2, 3, 4; and 3, 4, 6. We deviate in three points: the first block of a stage never has a
    residual, which would come and go with the widths; a block of expansion 1 keeps its expanding
    convolution; and hidden sizes are not rounded to multiples of 8.

    Choices, for each stage s: `width_s`, `depth_s`; and for each block b of it that is there:
    `kernel_s_b` and `expansion_s_b` (hidden channels in units of the block's inputs).

    Args:
        widths: for each stage, the channels to choose from.
        depths: for each stage, the numbers of blocks to choose from, 1 or more.
        strides: of each stage's first block.
        squeeze: for each stage, whether its blocks squeeze and excite.
        activations: of each stage, "relu" or "hardswish".
        kernels, expansions: to choose from; kernels are odd.
        stem_width, stem_stride: of the first convolution; a stride of 2 is usual for large images.
        last_width: channels of the last convolution; 960 for ImageNet.
        head_dim: units between mean and classes; 1280 for ImageNet.
        dropout: before the classes.

    Raises:
        ValueError: if the input has not three axes, a kernel is even, a depth is below 1, an
            activation is unknown, or what is given for each stage is not of one length.
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"space=mobilenet needs images of (channels, height, width), "
            f"got the shape {tuple(input_shape)}."
        )
    if any(kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"kernels must be odd, got {list(kernels)}.")
    by_stage = {
        "widths": widths,
        "depths": depths,
        "strides": strides,
        "squeeze": squeeze,
        "activations": activations,
    }
    if not widths or len({len(values) for values in by_stage.values()}) > 1:
        raise ValueError(
            "one entry is needed for each stage, got "
            + ", ".join(f"{len(values)} {name}" for name, values in by_stage.items())
            + "."
        )
    if min(map(min, depths)) < 1:
        raise ValueError(f"depths must be 1 or more, got {list(depths)}.")
    if unknown := set(activations) - set(_ACTIVATIONS):
        raise ValueError(f"activations must be of {list(_ACTIVATIONS)}, got {sorted(unknown)}.")
    choices = _choices(widths, depths, kernels=kernels, expansions=expansions)
    build = partial(
        _build,
        strides=tuple(strides),
        squeeze=tuple(squeeze),
        activations=tuple(activations),
        inputs=input_shape[0],
        stem_width=stem_width,
        stem_stride=stem_stride,
        last_width=last_width,
        head_dim=head_dim,
        num_classes=num_classes,
        dropout=dropout,
    )
    return SearchSpace(choices, build)


def _choices(
    widths: Sequence[Sequence[int]],
    depths: Sequence[Sequence[int]],
    *,
    kernels: Sequence[int],
    expansions: Sequence[float],
) -> dict[str, Choice | Sequence[Any]]:
    choices: dict[str, Choice | Sequence[Any]] = {}
    for s, (stage_widths, stage_depths) in enumerate(zip(widths, depths, strict=True)):
        choices[f"width_{s}"] = list(stage_widths)
        choices[f"depth_{s}"] = list(stage_depths)
        for b in range(max(stage_depths)):
            there = {f"depth_{s}": [depth for depth in stage_depths if depth > b]}
            choices[f"kernel_{s}_{b}"] = Choice(kernels, when=there)
            choices[f"expansion_{s}_{b}"] = Choice(expansions, when=there)
    return choices


def _build(
    architecture: Mapping[str, Any],
    *,
    strides: Sequence[int],
    squeeze: Sequence[bool],
    activations: Sequence[Activation],
    stem_width: int,
    **fixed: Any,
) -> MobileNet:
    stages = []
    width = stem_width
    for s in range(len(strides)):
        blocks = []
        for b in range(architecture[f"depth_{s}"]):
            inputs, width = width, architecture[f"width_{s}"]
            blocks.append(
                InvertedResidual(
                    inputs=inputs,
                    hidden=round(inputs * architecture[f"expansion_{s}_{b}"]),
                    width=width,
                    kernel=architecture[f"kernel_{s}_{b}"],
                    stride=strides[s] if b == 0 else 1,
                    residual=b > 0,
                    squeeze=squeeze[s],
                    activation=activations[s],
                )
            )
        stages.append(blocks)
    return MobileNet(stages=stages, width=width, stem_width=stem_width, **fixed)
