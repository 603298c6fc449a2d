"""Laws of every ready-made space, under every kind of generator that mixes and slices."""

import pickle

import pytest
import torch
from ready_made import READY, Ready
from torch.testing import assert_close

from hypernas.generators import Generator, hypernas, mos_neuron, shared
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import weight_shapes

GENERATORS = {"shared": shared, "hypernas": hypernas, "mos_neuron": mos_neuron}


@pytest.fixture(params=READY)
def ready(request) -> Ready:
    return READY[request.param]()


@pytest.fixture(params=GENERATORS)
def generator(request, ready) -> Generator:
    """Moved away from its start, where experts and gains may do nothing."""
    made = GENERATORS[request.param](ready.space)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return made


def test_every_subnet_is_a_part_of_the_largest(ready):
    supernet = Supernet(ready.space)
    for architecture in [*ready.neighbours(), *ready.some(8)]:
        expected = weight_shapes(ready.space.build(architecture))
        slices = supernet.slices(architecture).weights
        assert {name: where.shape for name, where in slices.items()} == expected


def test_generated_weights_have_the_names_and_shapes_of_the_module(ready, generator):
    for architecture in ready.some(3):
        shapes = {name: weight.shape for name, weight in generator(architecture).items()}
        assert shapes == weight_shapes(ready.space.build(architecture))


def test_the_loss_of_the_largest_subnet_moves_every_parameter(ready, generator):
    generator.call(ready.space.largest(), *ready.inputs).square().mean().backward()
    gradients = {name: p.grad for name, p in generator.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert max(float(gradient.abs().max()) for gradient in gradients.values()) > 0


def test_an_exported_subnet_computes_what_the_generator_does(ready, generator):
    for architecture in ready.some(2):
        generator.train().call(architecture, *ready.inputs)  # moves norm statistics
        generator.eval()
        with torch.no_grad():
            expected = generator.call(architecture, *ready.inputs)
            assert_close(generator.export(architecture)(*ready.inputs), expected)


def test_every_choice_changes_what_a_subnet_computes(ready):
    generator = shared(ready.space)  # with the statistics of the batch, which keep signals apart
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        largest = generator.call(ready.space.largest(), *ready.inputs)
        for architecture in ready.neighbours():
            outputs = generator.call(architecture, *ready.inputs)
            assert float((outputs - largest).abs().max()) > 1e-4, architecture


def test_choices_of_absent_layers_are_absent(ready):
    smallest, largest = ready.space.smallest(), ready.space.largest()
    assert set(largest) == set(ready.space.choices)
    conditional = {name for name, choice in ready.space.choices.items() if choice.when}
    for name in conditional - set(smallest):
        (depth,) = ready.space.choices[name].when
        layer = int(name.rpartition("_")[2])
        assert smallest[depth] <= layer < largest[depth]


def test_a_space_pickles(ready):
    again = pickle.loads(pickle.dumps(ready.space))
    assert again.to_json() == ready.space.to_json()
    largest = ready.space.largest()
    assert weight_shapes(again.build(largest)) == weight_shapes(ready.space.build(largest))


def test_a_subnet_is_traced_for_any_batch_size(ready):
    module = ready.space.build(ready.space.smallest()).eval()
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(
        module, ready.inputs, dynamic_shapes=tuple(batch for _ in ready.inputs)
    )
    fewer = [inputs[:3] for inputs in ready.inputs]
    assert_close(program.module()(*fewer), module(*fewer))
