"""Multi-layer perceptrons, elastic in depth and the width of each layer."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.norms import Norm, make_norm


class MLP(nn.Module):
    """Flatten, then linear, norm, ReLU for each hidden width, then a linear head."""

    def __init__(
        self, *, input_dim: int, hidden_dims: Sequence[int], num_classes: int, norm: Norm
    ) -> None:
        super().__init__()
        widths = [input_dim, *hidden_dims]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(widths[i], widths[i + 1]), make_norm(norm, widths[i + 1], 0))
            for i in range(len(hidden_dims))
        )
        self.head = nn.Linear(widths[-1], num_classes)

    def forward(
        self,
        x: Tensor,  # shape: (N, ...)
    ) -> Tensor:  # shape: (N, num_classes)
        x = x.flatten(1)
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)


@checked
def mlp(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    depths: Sequence[int] = (1, 2, 3),
    widths: Sequence[int] = (32, 64, 128),
    norm: Norm = "batch",
) -> SearchSpace:
    """Choices: `depth`, and for each layer i that is there `width_i`."""
    choices: dict[str, Choice | Sequence[Any]] = {"depth": list(depths)}
    for i in range(max(depths)):
        choices[f"width_{i}"] = Choice(widths, when={"depth": [d for d in depths if d > i]})
    build = partial(_build, input_dim=math.prod(input_shape), num_classes=num_classes, norm=norm)
    return SearchSpace(choices, build)


def _build(architecture: Mapping[str, Any], **fixed: Any) -> MLP:
    depth = architecture["depth"]
    return MLP(hidden_dims=[architecture[f"width_{i}"] for i in range(depth)], **fixed)
