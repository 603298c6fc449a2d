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


def test_generation_and_call_are_one_graph_with_the_same_gradients():
    """Nodes of autograd of our own and variables of a context would break it."""
    space = mlp(input_shape=(6,), num_classes=3, depths=(1,), widths=(4, 8), norm="none")
    generator = generators.hypernas(space)
    x, architecture = torch.randn(5, 6), space.smallest()

    def loss():
        return generator.call(architecture, x).square().mean()

    loss().backward()
    expected = {name: p.grad for name, p in generator.named_parameters()}
    generator.zero_grad()
    torch.compiler.reset()
    torch.compile(loss, fullgraph=True, backend="eager")().backward()
    for name, parameter in generator.named_parameters():
        torch.testing.assert_close(
            parameter.grad, expected[name], msg=lambda m, n=name: f"{n}: {m}"
        )
