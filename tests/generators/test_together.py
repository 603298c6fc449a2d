import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close

from hypernas import generators
from hypernas.generators import together


@pytest.mark.parametrize("name", ["conv", "tied"])
@pytest.mark.parametrize("make", [generators.shared, generators.hypernas, generators.mos_neuron])
def test_gradients_of_subnets_used_together_are_the_sum_of_those_used_alone(name, make):
    space, inputs = EXAMPLES[name]()
    generator = make(space).double()
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    rng = torch.Generator().manual_seed(0)
    architectures = [space.largest(), space.sample(rng), space.smallest(), space.smallest()]
    generator.eval()
    for architecture in architectures:
        generator.call(architecture, inputs).square().mean().backward()
    expected = [p.grad for p in generator.parameters()]
    generator.zero_grad()
    with together(generator, architectures) as generated:
        for architecture, weights in zip(architectures, generated, strict=True):
            generator.call(architecture, inputs, weights=weights).square().mean().backward()
            assert all(p.grad is None for p in generator.parameters())
    assert_close([p.grad for p in generator.parameters()], expected)


def test_without_a_backward_pass_no_gradient_comes():
    space, _ = EXAMPLES["conv"]()
    generator = generators.hypernas(space)
    with together(generator, [space.largest()]):
        pass
    assert all(p.grad is None for p in generator.parameters())
