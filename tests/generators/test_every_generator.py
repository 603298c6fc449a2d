"""Every configured generator on every ready-made space."""

from typing import get_args

import pytest
import torch
from configured import NAMES, configured
from ready_made import READY
from torch.testing import assert_close

from hypernas.generators import Generator, Mixture, auxiliary_loss
from hypernas.generators.composite import makers
from hypernas.generators.taxonomy import Outputs
from hypernas.subnet.target import weight_shapes


@pytest.fixture(params=NAMES)
def make(request):
    return configured(request.param)


@pytest.fixture(params=READY)
def ready(request):
    return READY[request.param]()


def test_it_trains_and_exports_subnets_of_every_space(make, ready):
    generator: Generator = make(space=ready.space)
    generator.train()
    for architecture in ready.some(1):
        outputs = generator.call(architecture, *ready.inputs)
        outputs.square().mean().backward()
        auxiliary = auxiliary_loss(generator, [generator.subnet(architecture)])
        if auxiliary is not None:
            auxiliary.backward()
    gradients = [p.grad for p in generator.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    generator.eval()
    for architecture in ready.some(1):
        with torch.no_grad():
            shapes = {n: weight.shape for n, weight in generator(architecture).items()}
            assert shapes == weight_shapes(ready.space.build(architecture))
            expected = generator.call(architecture, *ready.inputs)
            assert_close(generator.export(architecture)(*ready.inputs), expected)


def test_it_tells_what_it_stores_and_generates(make):
    generator = make(space=READY["conv2d"]().space)
    generator(generator.space.largest())  # late parameters come to life
    described = generator.describe()
    largest = weight_shapes(generator.space.build(generator.space.largest()))
    assert set(described.assignment) == set(largest)
    assert described.num_generated == sum(shape.numel() for shape in largest.values())
    assert described.num_stored == sum(p.numel() for p in generator.parameters()) > 0
    assert all(words for words in described.assignment.values())


def test_a_generator_is_a_hypernetwork_where_equal_slices_of_subnets_have_other_weights(make):
    ready = READY["conv2d"]()
    generator = make(space=ready.space)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    described = generator.eval().describe()
    assert bool(described.taxonomies) == ("architecture-conditioned" in str(described))
    largest = ready.space.largest()
    first, by = generator(largest), list(makers(generator, generator.subnet(largest)))
    for other in ready.neighbours():
        # what makes each architecture by itself, or by its group, need not read it
        mixed = all(isinstance(part, Mixture) for part in by)
        if mixed and list(makers(generator, generator.subnet(other))) == by:
            same = [
                torch.equal(weight, first[name])
                for name, weight in generator(other).items()
                if weight.shape == first[name].shape
            ]
            assert all(same) != bool(described.taxonomies), other


def test_hypernetworks_fill_different_cells_of_the_taxonomy():
    space = READY["mlp"]().space
    found = {own for name in NAMES for own in configured(name)(space=space).describe().taxonomies}
    assert {taxonomy.outputs for taxonomy in found} == set(get_args(Outputs))
