"""Members, and the blocks of which they make a large network."""

import copy

import pytest
import torch
from growing_networks import EVERY, Linears, coefficients_of, conv, linear, outputs_of, weights_of
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.growth import deviation, grow, grow_randomly, member
from hypernas.growth.coefficients import RULES


@EVERY
def test_a_members_weight_is_the_sum_of_its_templates_times_their_coefficients(network):
    (generator, _) = network().members(num_templates=3)
    coefficients, weights = coefficients_of(generator), weights_of(generator)
    assert coefficients
    for name, vector in coefficients.items():
        terms = [a * t for a, t in zip(vector, generator.bank(name), strict=True)]
        assert_close(weights[name], sum(terms), rtol=0, atol=2e-7)


@pytest.mark.parametrize("num", [1, 2, 8])
def test_a_member_starts_as_large_as_its_builder_makes_it_whatever_the_number_of_templates(num):
    space = SearchSpace({"width": [64, 128]}, lambda a: nn.Linear(a["width"], 200))
    made = weights_of(member(space, num_templates=num))["weight"]
    expected = space.build({"width": 64}).weight
    assert_close(made.std(), expected.std(), rtol=0.05, atol=0)


def test_members_of_other_seeds_are_other_networks():
    first, second = (weights_of(g) for g in linear().members())
    assert not torch.allclose(first["one.weight"], second["one.weight"])


@pytest.mark.parametrize("rule", RULES)
@EVERY
def test_members_stand_on_the_diagonal(network, rule):
    net = network()
    members = net.members()
    grown = grow(members, net.space, to=net.large, coefficients=rule)
    large, (one, other) = weights_of(grown), map(weights_of, members)
    for name in large:
        if name == "head.bias":
            assert_close(large[name], one[name] + other[name])
        elif name.startswith("qkv"):
            blocks = large[name].view(3, 2, 4, *large[name].shape[1:]).movedim(1, 0)
            for i, own in enumerate((one, other)):
                rows = blocks[i].reshape(own[name].shape[0], -1)
                part = rows if rows.shape[1] == 1 else rows[:, 6 * i : 6 * (i + 1)]
                assert_close(part.reshape(own[name].shape), own[name], rtol=0, atol=0)
        else:
            first = tuple(slice(0, n) for n in one[name].shape)
            last = tuple(
                slice(big - n, big)
                for n, big in zip(one[name].shape, large[name].shape, strict=True)
            )
            assert_close(large[name][first], one[name], rtol=0, atol=0)
            assert_close(large[name][last], other[name], rtol=0, atol=0)


def test_off_the_diagonal_are_recombinations_of_the_templates_of_their_row():
    net = linear()
    members = net.members(num_templates=3)
    grown = grow(members, net.space, to=net.large)
    vectors, large = coefficients_of(grown), weights_of(grown)["two.weight"]
    upper, lower = vectors["two.weight[0:6, 4:8]"], vectors["two.weight[6:12, 0:4]"]
    for vector, part, own in ((upper, large[:6, 4:], 0), (lower, large[6:, :4], 1)):
        stack = members[own].bank("two.weight")
        assert_close(part, torch.einsum("t,tor->or", vector, stack), rtol=0, atol=2e-7)


def test_a_first_layer_is_a_column_a_classifier_a_row_and_a_vector_a_chain():
    net = conv()
    grown = grow(net.members(), net.space, to=net.large)
    grids = grown.slicer.grids
    for name, kinds in {
        "stem.weight": [True, True],
        "head.weight": [True, True],
        "norm1.bias": [True, True],
        "depthwise.weight": [True, True],
        "project.weight": [True, False, False, True],
    }.items():
        (full,) = [n for n in grids if n.endswith(name)]
        assert [block.own for block in grids[full].blocks] == kinds


def test_growing_leaves_members_as_they_are_and_shares_nothing_with_them():
    net = conv()
    members = net.members()
    before = copy.deepcopy([m.state_dict() for m in members])
    grown = grow(members, net.space, to=net.large, average=True)
    with torch.no_grad():
        for tensor in grown.state_dict().values():
            tensor.zero_()
    assert_close([m.state_dict() for m in members], before, rtol=0, atol=0)


@pytest.mark.parametrize("widths", [(4, 6), (6, 4), (2, 3, 5)])
def test_members_can_be_any_number_and_of_unequal_widths(widths):
    inputs = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    space = SearchSpace({"width": [2, 3, 4, 5, 6, 10], "hidden": [4, 4 * len(widths)]}, Linears)
    members = [
        member(space, architecture={"width": w, "hidden": 4}, num_templates=6, seed=w)
        for w in widths
    ]
    grown = grow(members, space, coefficients="zero")
    assert deviation(grown.eval(), members, inputs) < 1e-6
    outputs = outputs_of(grow(members, space).eval(), inputs)
    assert not torch.allclose(outputs, outputs_of(grown, inputs), atol=1e-3)


@EVERY
def test_one_member_grows_by_channels_that_nobody_brings(network):
    net = network()
    (alone, _) = net.members(num_templates=4)
    grown = grow(alone, net.space, to=net.large, coefficients="zero").eval()
    assert deviation(grown, [alone], net.inputs) < 1e-6
    recombined = grow(alone, net.space, to=net.large).eval()
    assert deviation(recombined, [alone], net.inputs) > 1e-3


def test_random_growth_keeps_the_members_and_draws_the_rest():
    net = linear()
    members = net.members()
    one, other = (
        weights_of(grow_randomly(members, net.space, to=net.large, seed=s)) for s in (0, 1)
    )
    own = weights_of(members[1])["two.weight"]
    assert_close(one["two.weight"][6:, 4:], own, rtol=0, atol=0)
    assert not torch.equal(one["two.weight"][:6, 4:], other["two.weight"][:6, 4:])
    assert_close(one["two.weight"][:6, 4:].std(), own.std(), rtol=0.5, atol=0)
