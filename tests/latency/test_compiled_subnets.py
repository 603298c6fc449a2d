"""Subnets that are to be compiled are, each of them."""

from functools import partial

import torch
import torch._dynamo.config
from torch import nn

from hypernas import SearchSpace
from hypernas.latency import Latency, Rounds, Torch

ONCE = Rounds(warmup=0, least=1, most=1, repeats=1)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(4, width)

    def forward(self, x):
        return self.layer(x).relu()


def test_each_of_many_subnets_is_measured_as_a_graph(monkeypatch):
    """Of modules of one class torch compiles eight by default (here two), and runs the others as they are."""
    graphs, runs = [], []

    def counting(graph, _):
        graphs.append(graph)
        return lambda *given: runs.append(graph) or graph(*given)

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counting))
    space = SearchSpace({"width": list(range(1, 5))}, lambda a: Net(a["width"]))
    cost = Latency(
        space, torch.ones(2, 4), backend=Torch(compiled=True), rounds=ONCE, tolerated=1e9
    )
    with torch._dynamo.config.patch(recompile_limit=2):
        cost(list(space.enumerate()))
    assert len(graphs) == 4
    compiling, uncounted, counted = 1, 1, 1
    assert [runs.count(graph) for graph in graphs] == [compiling + uncounted + counted] * 4
