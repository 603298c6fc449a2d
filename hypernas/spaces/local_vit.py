"""Small networks of transformers' form over images or series, whose layers mix positions near each other in one of three ways."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.dynamic_depthwise import DynamicDepthwise, Head, Sides, sides

Mixer = Literal["static", "dynamic", "position", "attention"]
MIXERS: tuple[Mixer, ...] = ("static", "dynamic", "position", "attention")

# Legend: N images of C channels, H x W patches cut in windows of w x w (or of two sides, whose product is w²
# below). Series are images of height 1.


class WindowAttention(nn.Module):
    """Attention of the positions of a window to each other: local attention without a shift.

    Args:
        channels: C.
        window: w, or two sides; images are padded to multiples of it, by positions that nothing attends to.
        heads: that divide the channels.
    """

    def __init__(self, channels: int, *, window: Sides, heads: int) -> None:
        super().__init__()
        self.window, self.heads = sides(window), heads
        self.query, self.key = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)

    def forward(
        self,
        x: Tensor,  # shape: (N, C, H, W)
    ) -> Tensor:  # shape: (N, C, H, W)
        height, width = x.shape[2:]
        side, across = self.window
        margins = (0, -width % across, 0, -height % side)
        there = F.pad(torch.ones_like(x[:1, :1]), margins)
        rows = self._windows(F.pad(x, margins))  # (windows, w², C)
        seen = self._windows(there).transpose(1, 2)[:, None] > 0
        seen = seen.repeat(len(x), 1, 1, 1)
        q, k, v = (
            layer(rows).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        made = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
        tall, wide = (height + margins[3]) // side, (width + margins[1]) // across
        made = made.view(len(x), tall, wide, side, across, -1).permute(0, 5, 1, 3, 2, 4)
        return made.reshape(len(x), -1, tall * side, wide * across)[..., :height, :width]

    def _windows(self, x: Tensor) -> Tensor:  # shape: (N windows, w², channels)
        side, across = self.window
        cut = x.unflatten(3, (-1, across)).unflatten(2, (-1, side))  # (N, C, rows, w, columns, w)
        return cut.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(0, 2)


class Block(nn.Module):
    """x + norm(conv1x1(relu(norm(mix(relu(norm(conv1x1(x)))))))), then a feed-forward branch."""

    def __init__(self, channels: int, mixer: nn.Module, ratio: int) -> None:
        super().__init__()
        self.enter, self.enter_norm = nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels)
        self.mixer, self.mixer_norm = mixer, nn.BatchNorm2d(channels)
        self.leave, self.leave_norm = nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels)
        self.expand = nn.Conv2d(channels, ratio * channels, 1)
        self.contract = nn.Conv2d(ratio * channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mixer(self.enter_norm(self.enter(x)).relu())
        x = x + self.leave_norm(self.leave(self.mixer_norm(mixed).relu()))
        return x + self.norm(self.contract(F.gelu(self.expand(x))))


class LocalViT(nn.Module):
    """Patches by a convolution, blocks, a mean over positions, and a linear head."""

    def __init__(
        self,
        *,
        inputs: int,
        patch_size: Sides,
        channels: int,
        blocks: Sequence[Block],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(inputs, channels, sides(patch_size), sides(patch_size))
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(channels, num_classes)

    def forward(
        self,
        x: Tensor,  # shape: (N, channels of the image, height, width), or (N, channels, length)
    ) -> Tensor:  # shape: (N, num_classes)
        x = self.patches(x.unsqueeze(2) if x.dim() == 3 else x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


@checked
def local_vit(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    patch_size: int = 4,
    channels: int = 32,
    depths: Sequence[int] = (2, 3),
    mixers: Sequence[Mixer] = MIXERS,
    kernel: int = 7,
    heads: int = 4,
    ratio: int = 2,
    head: Head = "full",
    rank: int = 4,
) -> SearchSpace:
    """Networks over images or series whose blocks mix neighbours by static or dynamic depth-wise convolution, or by local attention.

    The comparison of Han et al. (2022, arXiv 2106.04263; see `DynamicDepthwise`) as a space, in one stage of constant channels. Choices:
    `depth`, and for each layer i that is there `mixer_i`: "static", a depth-wise convolution; "dynamic", its kernels made for each image;
    "position", for each position and head; "attention", in windows as large as the kernel.

    Args:
        input_shape: channels, height and width of images, or channels and length of series.
        patch_size: height and width of a patch, which divide those of the image; of series its length.
        channels: of every layer; `heads` divide it, and 4 does for dynamic kernels.
        depths, mixers: to choose from.
        kernel: of convolutions, odd, and side of attention's windows; of series the length of both.
        heads: of "position" and "attention".
        ratio: units of the feed-forward branch, in units of the channels.
        head, rank: of dynamic kernels, see `KernelHead`.

    Raises:
        ValueError: if the input has not two or three axes or cannot be cut into patches, or as `DynamicDepthwise`.
    """
    if len(input_shape) not in (2, 3) or any(size % patch_size for size in input_shape[1:]):
        raise ValueError(
            f"space=local_vit needs images of (channels, height, width), or series of (channels, length), whose sides "
            f"{patch_size} divides, got the shape {tuple(input_shape)}."
        )
    series = len(input_shape) == 2
    window: Sides = (1, kernel) if series else kernel
    patch: Sides = (1, patch_size) if series else patch_size
    if unknown := [mixer for mixer in mixers if mixer not in MIXERS]:
        raise ValueError(f"mixers must be some of {list(MIXERS)}, got {unknown}.")
    if kernel % 2 == 0 or ("attention" in mixers and channels % heads):
        raise ValueError(
            f"expected an odd kernel, and {channels} channels that the heads of attention divide, got kernel={kernel} and "
            f"heads={heads}."
        )
    if {"dynamic", "position"} & {*mixers}:
        DynamicDepthwise(
            channels, kernel=window, heads=heads, head=head, rank=rank
        )  # refuses what does not fit
    choices: dict[str, Choice | Sequence[Any]] = {"depth": list(depths)}
    for i in range(max(depths)):
        there = {"depth": [depth for depth in depths if depth > i]}
        choices[f"mixer_{i}"] = Choice(list(mixers), ordered=False, when=there)
    mix = partial(_mixer, channels=channels, kernel=window, heads=heads, head=head, rank=rank)
    fixed = {"inputs": input_shape[0], "patch_size": patch, "num_classes": num_classes}
    build = partial(_build, mix=mix, channels=channels, ratio=ratio, fixed=fixed)
    images = torch.randn(2, *input_shape, generator=torch.Generator().manual_seed(0))
    return SearchSpace(choices, build, inputs=images)


def _mixer(kind: Mixer, *, channels: int, kernel: Sides, heads: int, **dynamic: Any) -> nn.Module:
    match kind:
        case "static":
            height, width = sides(kernel)
            margins = (height // 2, width // 2)
            return nn.Conv2d(channels, channels, (height, width), padding=margins, groups=channels)
        case "attention":
            return WindowAttention(channels, window=kernel, heads=heads)
    mode = "homogeneous" if kind == "dynamic" else "position"
    return DynamicDepthwise(channels, kernel=kernel, mode=mode, heads=heads, **dynamic)


def _build(
    architecture: Mapping[str, Any],
    *,
    mix: Any,
    channels: int,
    ratio: int,
    fixed: Mapping[str, Any],
) -> LocalViT:
    mixers = [mix(architecture[f"mixer_{i}"]) for i in range(architecture["depth"])]
    blocks = [Block(channels, mixer, ratio) for mixer in mixers]
    return LocalViT(channels=channels, blocks=blocks, **fixed)
