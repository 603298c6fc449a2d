import pickle

import pytest
import torch
from example_spaces import EXAMPLES
from torch import nn
from torch.testing import assert_close

from hypernas import Choice, SearchSpace, generators
from hypernas.slicing import slice_of
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_seeded, build_skeleton
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import weight_shapes


@pytest.fixture(params=EXAMPLES)
def space(request) -> SearchSpace:
    return EXAMPLES[request.param]().space


def test_every_subnet_has_a_slice_of_the_right_shape_for_each_parameter(space):
    supernet = Supernet(space)
    for architecture in space.enumerate():
        expected = weight_shapes(space.build(architecture))
        slices = supernet.slices(architecture).weights
        assert list(slices) == list(expected)
        for name, where in slices.items():
            assert where.shape == expected[name]
            assert where(torch.empty(supernet.shapes[name])).shape == expected[name]


def test_every_subnet_has_a_slice_of_the_right_shape_for_its_statistics(space):
    supernet = Supernet(space)
    large = supernet.statistics()
    for architecture in space.enumerate():
        expected = norm_statistics(space.build(architecture))
        found = supernet.slices(architecture).statistics
        assert {n: where(large[n]).shape for n, where in found.items()} == {
            n: buffer.shape for n, buffer in expected.items()
        }


def test_remembered_slices_are_those_that_would_be_found_anew(space):
    supernet = Supernet(space)
    for architecture in space.enumerate():
        module = build_skeleton(space, architecture)
        slices, again = supernet.slices(architecture), supernet.slices(architecture)
        for name, where in {**slices.weights, **slices.statistics}.items():
            assert {**again.weights, **again.statistics}[name] is where
            home, large = supernet._home[name]
            both, layout = (home, architecture), supernet.layout(name)
            assert where == slice_of(large, module, name, layout, architectures=both)


def test_the_largest_shapes_are_those_of_the_largest_architectures(space):
    largest: dict[str, torch.Size] = {}
    for architecture in space.enumerate():
        for name, shape in weight_shapes(space.build(architecture)).items():
            known = largest.get(name, shape)
            largest[name] = torch.Size(max(pair) for pair in zip(known, shape, strict=True))
    assert Supernet(space).shapes == largest


def test_a_draw_is_an_initialisation_by_the_builder_and_each_seed_has_its_own():
    def build(architecture):
        layer = nn.Linear(3, architecture["width"])
        nn.init.normal_(layer.weight, 5, 0.1)
        nn.init.constant_(layer.bias, 7)
        return layer

    supernet = Supernet(SearchSpace({"width": [2, 4]}, build))
    first, again, other = supernet.draw(1), supernet.draw(1), supernet.draw(2)
    assert_close(first, again, rtol=0, atol=0)
    assert (first["weight"] != other["weight"]).all()
    for drawn in (first, other):
        assert (drawn["weight"] - 5).abs().max() < 0.6
        assert_close(drawn["bias"], torch.full((4,), 7.0))


def test_the_owner_of_a_parameter_is_its_module():
    supernet = Supernet(EXAMPLES["conv"]().space)
    owner = supernet.owner("blocks.1.depthwise.weight")
    assert isinstance(owner, nn.Conv2d)
    assert owner.weight.shape == supernet.shapes["blocks.1.depthwise.weight"]


def test_building_under_a_seed_leaves_the_global_random_state_alone(space):
    before = torch.get_rng_state()
    first = build_seeded(space, space.largest(), 3)
    second = build_seeded(space, space.largest(), 3)
    assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_envelope_pickles(space):
    supernet = Supernet(space)
    again = pickle.loads(pickle.dumps(supernet))
    smallest = space.smallest()
    assert again.shapes == supernet.shapes
    assert again.slices(smallest) == supernet.slices(smallest)


def test_a_subnet_that_does_not_fit_is_refused_with_every_misfit():
    def build(architecture):
        small = architecture["width"] == 2
        sizes = (9, 4) if small else (4, 8)  # neither contains the other
        net = nn.ModuleDict({"a": nn.Linear(*sizes), "b": nn.Linear(*sizes[::-1])})
        if small:
            net["c"] = nn.Linear(1, 1)
        return net

    with pytest.raises(ValueError, match="does not fit inside the largest of its space") as caught:
        Supernet(SearchSpace({"width": [2, 4]}, build))
    for misfit in (
        "a.weight: (4, 9) does not fit inside (8, 4)",
        "b.weight: (9, 4) does not fit inside (4, 8)",
        "c.weight: not a parameter of the largest architecture",
    ):
        assert misfit in str(caught.value)


@pytest.mark.parametrize("ordered", [True, False])
def test_a_value_may_make_some_tensors_larger_and_others_smaller(ordered):
    class Patches(nn.Module):
        def __init__(self, patch: int, width: int) -> None:
            super().__init__()
            self.embed = nn.Conv1d(1, width, patch, stride=patch)
            self.positions = nn.Parameter(torch.randn(24 // patch, width))
            self.norm = nn.BatchNorm1d(24 // patch)

    space = SearchSpace(
        {"patch": Choice([2, 3, 6], ordered=ordered), "width": [4, 8]},
        lambda a: Patches(a["patch"], a["width"]),
        layouts={"*": "..."},
    )
    supernet = Supernet(space)
    assert supernet.shapes["embed.weight"] == (8, 1, 6)
    assert supernet.shapes["positions"] == (12, 8)
    assert supernet.statistics()["norm.running_mean"].shape == (12,)
    drawn = supernet.draw(0)
    assert {name: t.shape for name, t in drawn.items()} == supernet.shapes
    small = supernet.slices({"patch": 3, "width": 4})
    assert_close(small.weights["positions"](drawn["positions"]), drawn["positions"][:8, :4])


def test_a_layout_that_matches_no_parameter_is_refused():
    space = SearchSpace({"a": [1]}, lambda a: nn.Linear(1, 1), layouts={"*.qkv": "(three a) b"})
    with pytest.raises(ValueError, match=r"\['\*\.qkv'\] match none of .*'weight'"):
        Supernet(space)


def test_a_subnet_is_resolved_once_from_a_module_built_once():
    built = []

    def build(architecture):
        built.append(architecture)
        return nn.Linear(4, architecture["width"])

    space = SearchSpace({"width": list(range(1, 40))}, build)
    generator = generators.shared(space)
    built.clear()
    described = {"width": 7}
    subnet = generator.subnet(described)
    assert generator.subnet(described) is generator.subnet(subnet.architecture) is subnet
    generator.call(subnet, torch.ones(1, 4))
    assert built == [described]


def test_a_description_outside_the_space_is_refused():
    with pytest.raises(ValueError, match="is not an architecture of this space"):
        Supernet(SearchSpace({"a": [1]}, lambda a: nn.Linear(1, 1))).slices({"a": 2})


def test_parameters_that_no_generator_can_write_are_refused_at_once():
    def build(architecture):
        layer = nn.Linear(2, architecture["width"])
        layer.scale = nn.Parameter(torch.ones(1, dtype=torch.float64))
        layer.gain = nn.Parameter(torch.ones(3, dtype=torch.half))
        layer.order = nn.Parameter(torch.arange(3), requires_grad=False)
        return layer

    with pytest.raises(ValueError, match="but these parameters are not") as caught:
        Supernet(SearchSpace({"width": [2, 4]}, build))
    for words in ("scale: torch.float64", "gain: torch.float16", "register_buffer"):
        assert words in str(caught.value)
    assert "weight:" not in str(caught.value)
    assert "order" not in str(caught.value)


def test_a_module_without_parameters_is_refused():
    with pytest.raises(ValueError, match="has no parameters"):
        Supernet(SearchSpace({"slope": [0.1, 0.2]}, lambda a: nn.LeakyReLU(a["slope"])))


def test_a_generator_moved_to_another_type_computes_in_it():
    space = SearchSpace({"width": [2, 4]}, lambda a: nn.Linear(3, a["width"]))
    for make in (generators.shared, generators.hypernas, generators.mip_hypernetwork):
        generator, inputs = make(space).to(torch.float64), torch.randn(2, 3, dtype=torch.float64)
        outputs = generator.call("smallest", inputs)
        assert_close(generator.export("smallest")(inputs), outputs)
