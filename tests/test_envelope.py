import pickle

import pytest
import torch
from example_spaces import EXAMPLES
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.envelope import Envelope, build_seeded
from hypernas.target import norm_statistics, weight_shapes


@pytest.fixture(params=EXAMPLES)
def space(request) -> SearchSpace:
    return EXAMPLES[request.param]().space


def test_every_subnet_has_a_slice_of_the_right_shape_for_each_parameter(space):
    envelope = Envelope(space)
    for architecture in space.enumerate():
        module = space.build(architecture)
        expected, slices = weight_shapes(module), envelope.subnet(architecture, module).slices
        assert list(slices) == list(expected)
        for name, where in slices.items():
            assert where.shape == expected[name]
            assert where(torch.empty(envelope.shapes[name])).shape == expected[name]


def test_every_subnet_has_a_slice_of_the_right_shape_for_its_statistics(space):
    envelope = Envelope(space)
    large = envelope.statistics()
    for architecture in space.enumerate():
        module = space.build(architecture)
        expected, found = norm_statistics(module), envelope.subnet(architecture, module).statistics
        assert {n: where(large[n]).shape for n, where in found.items()} == {
            n: buffer.shape for n, buffer in expected.items()
        }


def test_the_largest_shapes_are_those_of_the_largest_architectures(space):
    largest: dict[str, torch.Size] = {}
    for architecture in space.enumerate():
        for name, shape in weight_shapes(space.build(architecture)).items():
            known = largest.get(name, shape)
            largest[name] = torch.Size(max(pair) for pair in zip(known, shape, strict=True))
    assert Envelope(space).shapes == largest


def test_draws_are_those_of_the_builder_under_a_seed(space):
    largest = space.largest()
    drawn = Envelope(space).draw(7)
    torch.manual_seed(7)
    for name, parameter in space.build(largest).named_parameters():
        assert_close(drawn[name], parameter.detach(), rtol=0, atol=0)


def test_the_owner_of_a_parameter_is_its_module():
    envelope = Envelope(EXAMPLES["conv"]().space)
    owner = envelope.owner("blocks.1.depthwise.weight")
    assert isinstance(owner, nn.Conv2d)
    assert owner.weight.shape == envelope.shapes["blocks.1.depthwise.weight"]


def test_building_under_a_seed_leaves_the_global_random_state_alone(space):
    before = torch.get_rng_state()
    first = build_seeded(space, space.largest(), 3)
    second = build_seeded(space, space.largest(), 3)
    assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_envelope_pickles(space):
    envelope = Envelope(space)
    again = pickle.loads(pickle.dumps(envelope))
    smallest = space.smallest()
    module = space.build(smallest)
    assert again.shapes == envelope.shapes
    assert again.subnet(smallest, module) == envelope.subnet(smallest, module)


def test_a_subnet_that_does_not_fit_is_refused_with_every_misfit():
    def build(architecture):
        small = architecture["width"] == 2
        net = nn.ModuleDict({"a": nn.Linear(9 if small else 4, 4), "b": nn.BatchNorm1d(4)})
        if small:
            net["b"] = nn.BatchNorm1d(5)
            net["c"] = nn.Linear(1, 1)
        return net

    with pytest.raises(ValueError, match="does not fit inside the largest of its space") as caught:
        Envelope(SearchSpace({"width": [2, 4]}, build))
    for misfit in (
        "a.weight: (4, 9) does not fit inside (4, 4)",
        "b.weight: (5,) does not fit inside (4,)",
        "b.running_mean: (5,) does not fit inside",
        "c.weight: not a parameter of the largest architecture",
    ):
        assert misfit in str(caught.value)


def test_a_layout_that_matches_no_parameter_is_refused():
    space = SearchSpace({"a": [1]}, lambda a: nn.Linear(1, 1), layouts={"*.qkv": "(three a) b"})
    with pytest.raises(ValueError, match=r"\['\*\.qkv'\] match none of .*'weight'"):
        Envelope(space)
