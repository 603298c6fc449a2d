"""Coefficients of new blocks."""

import warnings

import pytest
import torch
from growing_networks import EVERY, Linears, coefficients_of, linear
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.growth import deviation, grow, member, subspace


@pytest.mark.parametrize("num", [2, 5])
def test_new_coefficients_are_orthogonal_to_all_of_the_same_templates_and_as_long(num):
    net = linear()
    members = net.members(num_templates=num)
    with torch.no_grad():
        coefficients_of(members[0])["two.weight"].mul_(3)
    vectors = coefficients_of(grow(members, net.space, to=net.large))
    own, new = vectors["two.weight[0:6, 0:4]"], vectors["two.weight[0:6, 4:8]"]
    assert_close(own @ new, torch.tensor(0.0), rtol=0, atol=1e-6)
    assert_close(new.norm(), own.norm())
    assert_close(own.norm(), torch.tensor(3.0))


def test_with_fewer_templates_than_readers_a_warning_says_how_many_there_should_be():
    net = linear()
    three = [*net.members(), member(net.space, architecture=net.small[0], seed=2)]
    space = SearchSpace({"width": [4, 12], "hidden": [6, 18]}, Linears)
    with pytest.warns(UserWarning, match="num_templates=3") as told:
        vectors = coefficients_of(grow(three, space))
    assert "cannot be orthogonal" in str(told[0].message)
    row = [vectors[f"two.weight[0:6, {i}:{i + 4}]"] for i in (0, 4, 8)]
    unit = torch.stack([v / v.norm() for v in row])
    cosines = (unit @ unit.T - torch.eye(3)).abs()
    assert cosines.max() > 0.5  # three directions of a plane
    assert cosines.max() < 0.75  # as far apart as can be: 45 degrees from two at right angles


def test_enough_templates_for_all_readers_bring_no_warning():
    net = linear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grow(net.members(num_templates=2), net.space, to=net.large)


@EVERY
def test_copies_are_the_rows_own_weights(network):
    net = network()
    members = net.members()
    grown = grow(members, net.space, to=net.large, coefficients="copy")
    vectors = coefficients_of(grown)
    for part, vector in grown.source.new.vectors.named_parameters():
        name = part.replace("/", ".").split("[")[0]
        own = [coefficients_of(m)[name] for m in members]
        assert any(torch.equal(vector, candidate) for candidate in own)
    assert vectors


def test_noise_of_a_copy_has_the_length_that_was_asked_for():
    net = linear()
    members = net.members(num_templates=4)
    copies, noisy = (
        coefficients_of(grow(members, net.space, to=net.large, coefficients=rule, noise=0.3))
        for rule in ("copy", "copy_noise")
    )
    part = "two.weight[0:6, 4:8]"
    assert_close((noisy[part] - copies[part]).norm(), 0.3 * copies[part].norm())


def test_templates_that_layers_share_grow_too():
    space = SearchSpace(
        {"width": [4, 8], "depth": [3]},
        lambda a: nn.Sequential(
            nn.Linear(5, a["width"]),
            *(nn.Linear(a["width"], a["width"]) for _ in range(3)),
            nn.Linear(a["width"], 2),
        ),
    )
    small = subspace(space, {"width": 4, "depth": 3})
    members = [generators.soft_sharing(small, num_templates=3, seed=s) for s in (0, 1)]
    inputs = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    assert deviation(grow(members, space, coefficients="zero"), members, inputs) < 1e-6
    with pytest.warns(UserWarning, match="num_templates=6"):  # three layers, a new block of each
        grow(members, space)


def test_new_coefficients_are_orthogonal_also_where_templates_are_cut_from_a_flat_vector():
    net = linear()
    small = subspace(net.space, net.small[0])
    members = [generators.ssn(small, max_parameters=90, seed=s) for s in (0, 1)]
    vectors = coefficients_of(grow(members, net.space, to=net.large))
    own, new = vectors["two.weight[0:6, 0:4]"], vectors["two.weight[0:6, 4:8]"]
    assert len(own) == 2
    assert_close(own @ new, torch.tensor(0.0), rtol=0, atol=1e-6)
