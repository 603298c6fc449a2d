"""Networks of one dimension over series, each of one of five views: an ensemble's members as one space."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice

View = Literal["sequence", "transpose", "parts", "attention", "difference"]
VIEWS: tuple[View, ...] = ("sequence", "transpose", "parts", "attention", "difference")

# Legend: N series of F features and T frames; inputs have a channel more, 1 before a series' end and 0
# behind. P parts of M features at most, C classes. A network reads rows of positions.


class Convolution(nn.Module):
    """relu(norm(conv(x))), with zeros behind the end of a series."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride, self.margins = stride, ((kernel - 1) // 2, kernel // 2)
        self.conv = nn.Conv1d(inputs, width, kernel, stride)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.norm(self.conv(F.pad(x, self.margins))).relu() * mask


class Stage(nn.Module):
    """Convolutions, and a shortcut over all of them; the first one has the stride."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int, depth: int) -> None:
        super().__init__()
        self.stride = stride
        sizes = [inputs] + [width] * (depth - 1)
        self.layers = nn.ModuleList(
            Convolution(size, width, kernel, 1 if i else stride) for i, size in enumerate(sizes)
        )
        self.shortcut = nn.Conv1d(inputs, width, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mask = mask[..., :: self.stride]
        short = self.shortcut(x) * mask
        for layer in self.layers:
            x = layer(x, mask)
        return x + short, mask


class Body(nn.Module):
    """A first convolution, three stages, a norm, the mean over positions, and a linear head."""

    def __init__(
        self, *, rows: str, inputs: int, width: int, kernel: int, depth: int, num_classes: int
    ) -> None:
        super().__init__()
        self.rows, self.margins = rows, ((kernel - 1) // 2, kernel // 2)
        self.enter = nn.ModuleDict({rows: nn.Conv1d(inputs, width, kernel)})
        widths = [width, width, 2 * width, 4 * width]
        self.stages = nn.ModuleList(
            Stage(widths[s], widths[s + 1], kernel, 2 if s else 1, depth) for s in range(3)
        )
        self.norm = nn.BatchNorm1d(4 * width)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(
        self,
        x: Tensor,  # shape: (N, rows, positions)
        mask: Tensor,  # shape: (N, 1, positions)
    ) -> Tensor:  # shape: (N, C)
        x = self.enter[self.rows](F.pad(x, self.margins)) * mask
        for stage in self.stages:
            x, mask = stage(x, mask)
        x = self.norm(x).relu() * mask
        return self.head(x.sum(-1) / mask.sum(-1).clamp(min=1))


class Ensem1d(nn.Module):
    """One view of a series, and the body that reads it."""

    def __init__(
        self, *, view: View, body: Body, parts: Sequence[range], attention: nn.Module | None
    ) -> None:
        super().__init__()
        self.view, self.body, self.attention = view, body, attention
        self.parts = [list(part) for part in parts]

    def forward(
        self,
        x: Tensor,  # shape: (N, F + 1, T)
    ) -> Tensor:  # shape: (N, C)
        x, mask = x[:, :-1], x[:, -1:]
        match self.view:
            case "transpose":
                return self.body(x.transpose(1, 2), torch.ones_like(x[:, :, :1]).transpose(1, 2))
            case "parts":
                most = max(map(len, self.parts))
                cut = [F.pad(x[:, p], (0, 0, 0, most - len(p))) for p in self.parts]
                scores = self.body(torch.cat(cut), mask.repeat(len(cut), 1, 1))
                return joined(scores.chunk(len(cut)))
            case "difference":
                return self.body(difference(x) * mask, mask)
        if self.attention is not None:
            x = x * self.attention(x.transpose(1, 2)).softmax(-1).transpose(1, 2)
        return self.body(x, mask)


def difference(x: Tensor) -> Tensor:  # shape: (N, F, T), as of x
    """x_t - x_(t-1), and 0 in the first frame."""
    return F.pad(x[..., 1:] - x[..., :-1], (1, 0))


def joined(
    scores: Sequence[Tensor],  # logits, each of shape (N, C)
) -> Tensor:  # shape: (N, C), logarithms of probabilities
    """The product of the probabilities that several networks give, made to add up to 1: late fusion."""
    total = torch.stack([score.log_softmax(-1) for score in scores]).sum(0)
    return total.log_softmax(-1)


@checked
def ensem1d(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    views: Sequence[View] = VIEWS,
    widths: Sequence[int] = (16, 24, 32),
    depths: Sequence[int] = (1, 2, 3),
    kernels: Sequence[int] = (3, 5, 7),
    parts: Sequence[int] | None = None,
    attention_dim: int = 32,
) -> SearchSpace:
    """Convolutional networks over series of shape (F + 1, T), the last channel a mask; five views.

    The members of Xu et al., "Ensemble one-dimensional convolution neural networks for skeleton-based
    action recognition", 2018, arXiv 1801.02475, as one space: a generator that reads the architecture reads
    the view, and emits all five networks. Theirs is `widths=[64]`, `depths=[3]`, `kernels=[8]`,
    `attention_dim=300`. Views: the sequence; its transpose, convolved over features; its parts, each by the
    same network, scores multiplied (theirs has a network for each part); features weighted in each
    frame by attention; differences of frames. We deviate further: padded frames stay zero in every layer and
    do not count in the mean, but for batch norms while they train; and the transpose reads them as zeros.

    Choices: `view`, `width` (of the first stage; the second has twice and the third four times as many
    channels), `depth` (convolutions of a stage), `kernel`.

    Args:
        views: to choose from.
        widths, depths, kernels: to choose from; several kernels are all odd.
        parts: numbers of features of parts one after the other, as [15, 18, 18, 12, 12] of `skeletons`; None
            for three each.
        attention_dim: hidden units of the attention.

    Raises:
        ValueError: if the input has not two axes, kernels do not fit in each other, or parts are
            not as many features as there are.
    """
    if len(input_shape) != 2 or input_shape[0] < 2:
        raise ValueError(
            f"space=ensem1d needs series of shape (features + 1, frames), the last channel a mask, got "
            f"the shape {tuple(input_shape)}: see data=time_series."
        )
    if len(kernels) > 1 and any(kernel % 2 == 0 for kernel in kernels):
        raise ValueError(f"several kernels must be odd, got {list(kernels)}.")
    if unknown := [view for view in views if view not in VIEWS]:
        raise ValueError(f"views must be some of {list(VIEWS)}, got {unknown}.")
    features = input_shape[0] - 1
    cut = _runs(parts, features)
    build = partial(
        _build,
        features=features,
        frames=input_shape[1],
        parts=cut,
        attention_dim=attention_dim,
        num_classes=num_classes,
    )
    rng = torch.Generator().manual_seed(0)
    example = torch.randn(2, *input_shape, generator=rng)
    example[:, -1] = 1
    choices: dict[str, Choice | Sequence[Any]] = {
        "view": Choice(list(views), ordered=False),
        "width": list(widths),
        "depth": list(depths),
        "kernel": list(kernels),
    }
    return SearchSpace(choices, build, inputs=example)


def _runs(parts: Sequence[int] | None, features: int) -> list[range]:
    """The features of each part.

    Raises:
        ValueError: if parts are not as many as there are.
    """
    sizes = [min(3, features - f) for f in range(0, features, 3)] if parts is None else list(parts)
    if min(sizes, default=0) < 1 or sum(sizes) != features:
        raise ValueError(
            f"parts: expected numbers of features, 1 or more, that add up to {features}, got {sizes}."
        )
    ends = list(accumulate(sizes))
    return [range(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def _build(
    architecture: Mapping[str, Any],
    *,
    features: int,
    frames: int,
    parts: Sequence[range],
    attention_dim: int,
    num_classes: int,
) -> Ensem1d:
    view = architecture["view"]
    rows = {"transpose": ("frames", frames), "parts": ("parts", max(map(len, parts)))}
    kind, inputs = rows.get(view, ("features", features))
    body = Body(
        rows=kind,
        inputs=inputs,
        width=architecture["width"],
        kernel=architecture["kernel"],
        depth=architecture["depth"],
        num_classes=num_classes,
    )
    attention = None
    if view == "attention":
        layers = (nn.Linear(features, attention_dim), nn.Tanh(), nn.Linear(attention_dim, features))
        attention = nn.Sequential(*layers)
    return Ensem1d(view=view, body=body, parts=parts, attention=attention)
