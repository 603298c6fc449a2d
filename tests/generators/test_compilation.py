"""torch.compile keeps a graph for each number, order and shape of weights."""

import torch

from hypernas import generators
from hypernas.spaces import mlp


def test_subnets_of_one_shape_share_a_graph():
    """Of a dictionary in another order torch 2.13 makes another graph, and none at all after eight."""
    space = mlp(input_shape=(6,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="none")
    generator = generators.hypernas(space)
    graphs = []

    def counting(graph, _):
        graphs.append(graph)
        return graph

    torch.compiler.reset()
    squares = torch.compile(
        lambda weights: sum(weight.square().sum() for weight in weights.values()),
        backend=counting,
        dynamic=False,
    )
    architectures = list(space.enumerate())
    with torch.no_grad():
        for architecture in architectures * 3:
            squares(generator(architecture))
    assert len(graphs) == len(architectures)
