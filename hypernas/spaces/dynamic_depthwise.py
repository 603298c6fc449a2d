"""Depth-wise convolution whose kernels are made from what it reads: weights conditioned by data."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Mode = Literal["homogeneous", "position"]
Head = Literal["full", "low_rank", "templates", "experts"]
MODES: tuple[Mode, ...] = ("homogeneous", "position")
HEADS: tuple[Head, ...] = ("full", "low_rank", "templates", "experts")

Sides = int | Sequence[int]  # of a window: k for k x k, or height and width

# Legend: N images of C channels and H x W positions, kernels of k x k (or of two sides, whose product is
# k² below); D numbers that kernels are made from.


class KernelHead(nn.Module):
    """D numbers -> kernels: the equation of the library's generators, its coefficients read from data.

        full        W2 h + b, as published
        low_rank    U (V h) + b, of rank K
        templates   sum_t (A h)_t T_t + b, all K coefficients for all kernels: a row of templates
        experts     sum_e softmax(A h)_e B_e, of K sets of kernels

    Templates are shared by channels: a kernel of each channel is a mix of K templates of k x k, by
    coefficients that the data give for each channel.

    Args:
        hidden: D.
        num_kernels: kernels that are made at once (channels, or heads).
        size: k².
        kind: of the head.
        rank: K.
    """

    def __init__(self, hidden: int, num_kernels: int, size: int, *, kind: Head, rank: int) -> None:
        super().__init__()
        self.kind, self.num_kernels = kind, num_kernels
        numbers = {"full": num_kernels * size, "low_rank": rank, "templates": num_kernels * rank}
        self.coefficients = nn.Linear(
            hidden, numbers.get(kind, rank), bias=kind in ("full", "experts")
        )
        if kind == "low_rank":
            self.bank = nn.Linear(rank, num_kernels * size)
        elif kind == "templates":
            self.templates = nn.Parameter(torch.empty(rank, size))
            nn.init.orthogonal_(self.templates)
            self.base = nn.Parameter(torch.zeros(num_kernels, size))
        elif kind == "experts":
            self.experts = nn.Parameter(torch.empty(rank, num_kernels * size))
            nn.init.normal_(self.experts, std=size**-0.5)

    def forward(
        self,
        hidden: Tensor,  # shape: (..., D)
    ) -> Tensor:  # shape: (..., num_kernels, k²)
        found = self.coefficients(hidden)
        if self.kind == "low_rank":
            found = self.bank(found)
        elif self.kind == "templates":
            mixed = found.unflatten(-1, (self.num_kernels, -1)) @ self.templates
            return mixed + self.base
        elif self.kind == "experts":
            found = found.softmax(-1) @ self.experts
        return found.unflatten(-1, (self.num_kernels, -1))


class DynamicDepthwise(nn.Module):
    """Depth-wise convolution with kernels of each example: w = head(relu(norm(W1 x))).

    Han et al., "On the connection between local attention and dynamic depth-wise convolution", 2022,
    arXiv 2106.04263. Homogeneous: W1 reads the mean over positions, and each channel has a kernel of
    its own that all positions share. By position: W1 reads each position, which has a kernel for
    each head that the head's channels share. No softmax in either. Theirs is `head="full"`, and so are the
    parameters C·C/r + 2C/r + (C/r)·C·k² + C·k² + C of the homogeneous form; other heads are ours.

    Args:
        channels: C.
        kernel: k, odd, or two sides, both odd.
        mode: "homogeneous" or "position".
        reduction: r; W1 has C/r outputs.
        heads: of "position".
        head, rank: see `KernelHead`.

    Raises:
        ValueError: if a word is unknown, the kernel is even, or channels cannot be divided.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel: Sides = 7,
        mode: Mode = "homogeneous",
        reduction: int = 4,
        heads: int = 1,
        head: Head = "full",
        rank: int = 4,
    ) -> None:
        super().__init__()
        if mode not in MODES or head not in HEADS:
            raise ValueError(
                f"mode must be one of {list(MODES)} and head one of {list(HEADS)}, got {mode!r} and {head!r}."
            )
        if not odd(kernel) or channels % reduction or channels % heads or rank < 1:
            raise ValueError(
                f"expected an odd kernel, a rank of 1 or more, and {channels} channels that the reduction and "
                f"the heads divide, got kernel={kernel}, rank={rank}, reduction={reduction}, heads={heads}."
            )
        self.kernel, self.mode, self.heads = sides(kernel), mode, heads
        hidden, num = channels // reduction, channels if mode == "homogeneous" else heads
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.head = KernelHead(hidden, num, math.prod(self.kernel), kind=head, rank=rank)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self,
        x: Tensor,  # shape: (N, C, H, W)
    ) -> Tensor:  # shape: (N, C, H, W)
        kernels = self.kernels(x)
        if self.mode == "homogeneous":
            return grouped(x, kernels, self.kernel) + self.bias[:, None, None]
        return by_position(x, kernels, self.kernel) + self.bias[:, None, None]

    def kernels(self, x: Tensor) -> Tensor:
        """The kernels of a batch, of shape (N, C, k²), or by position (N, H, W, heads, k²)."""
        if self.mode == "homogeneous":
            return self.head(self.norm(self.reduce(x.mean((2, 3)))).relu())
        hidden = self.reduce(x.movedim(1, -1))
        hidden = self.norm(hidden.flatten(0, 2)).view_as(hidden).relu()
        return self.head(hidden)


def grouped(
    x: Tensor,  # shape: (N, C, H, W)
    kernels: Tensor,  # shape: (N, C, k²)
    kernel: Sides,
) -> Tensor:  # shape: (N, C, H, W)
    """Depth-wise convolution of each example with its own kernels: one convolution of N·C groups."""
    num, channels = x.shape[:2]
    height, width = sides(kernel)
    weight = kernels.reshape(num * channels, 1, height, width)
    margins = (height // 2, width // 2)
    made = F.conv2d(x.flatten(0, 1)[None], weight, padding=margins, groups=num * channels)
    return made.view_as(x)


def by_position(
    x: Tensor,  # shape: (N, C, H, W)
    kernels: Tensor,  # shape: (N, H, W, heads, k²)
    kernel: Sides,
) -> Tensor:  # shape: (N, C, H, W)
    """Sum over the window around each position, by kernels that the channels of a head share."""
    height, width = sides(kernel)
    margins = (width // 2, width // 2, height // 2, height // 2)
    # Windows are copied once, as the product reads them; F.unfold would lay them out otherwise, and a second copy follow.
    padded = F.pad(x, margins).movedim(1, -1).unflatten(-1, (kernels.shape[3], -1))
    windows = padded.unfold(1, height, 1).unfold(2, width, 1).flatten(-2)
    made = windows @ kernels[..., None]  # (N, H, W, heads, C / heads, 1)
    return made.flatten(3).movedim(-1, 1)


def sides(kernel: Sides) -> tuple[int, int]:
    """Height and width of a window."""
    if isinstance(kernel, int):
        return kernel, kernel
    height, width = kernel
    return height, width


def odd(kernel: Sides) -> bool:
    """True if a window has a middle."""
    return all(side % 2 for side in sides(kernel))
