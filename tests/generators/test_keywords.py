"""Modules whose keywords are called as arguments of our own."""

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.subnet.arguments import Arguments


class Weighted(nn.Module):
    """Examples have weights, and statistics that are added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.norm = nn.Linear(3, width), nn.BatchNorm1d(width)
        self.two = nn.Linear(width, 2)

    def forward(self, x: Tensor, *, weights: Tensor, statistics: Tensor, buffers: Tensor) -> Tensor:
        return self.two(self.norm(self.one(x))) * weights + statistics + buffers


def test_a_module_may_have_keywords_called_weights_statistics_and_buffers():
    given = Arguments(
        (torch.randn(4, 3),),
        {name: torch.randn(4, 1) for name in ("weights", "statistics", "buffers")},
    )
    space = SearchSpace({"width": [4, 6]}, lambda a: Weighted(a["width"]), inputs=given)
    generator = generators.shared(space)
    generator.call({"width": 4}, given).sum().backward()
    kept = generator.calibrate({"width": 4}, [given])
    generator.eval()
    found = generator.call({"width": 4}, given, statistics=kept)
    exported = generator.export({"width": 4}, statistics=kept)
    assert_close(exported(*given.positional, **given.keywords), found)
