"""What cannot be grown is refused, by parameter."""

import pytest
import torch
from growing_networks import Attending, Linears, conv, linear
from torch import nn

from hypernas import Choice, SearchSpace, generators
from hypernas.growth import Recombine, grow, grow_randomly, member, net2net, subspace, untrained
from hypernas.spaces import conv2d, mlp, transformer_lm
from hypernas.training import checkpoint


def test_a_smaller_architecture_is_refused_by_parameter():
    net = linear()
    large = member(net.space, architecture=net.large)
    with pytest.raises(ValueError, match="cannot be grown into") as told:
        grow(large, net.space, to=net.small[0])
    assert "one.weight: (8, 5) in member 0, (4, 5) in the large network, which is smaller" in str(
        told.value
    )
    assert "two.weight: (12, 8) in member 0, (6, 4)" in str(told.value)


def test_members_that_bring_too_many_channels_are_refused_with_their_sum():
    net = linear()
    three = [member(net.space, architecture=net.small[0], seed=s) for s in range(3)]
    with pytest.raises(
        ValueError, match=r"one.weight: the members bring 4 \+ 4 \+ 4 channels, .* 8"
    ):
        grow(three, net.space)


def test_a_lacking_layer_whose_channels_could_be_of_several_members_is_refused():
    def build(a):
        widths = [a["first"], a["second"]]
        layers = {f"layer_{i}": nn.Linear(5, width) for i, width in enumerate(widths)}
        if a["mixes"]:
            layers["mix"] = nn.Linear(sum(widths) // 2, 3)
        return nn.ModuleDict(layers)

    space = SearchSpace(
        {"first": [2, 4, 8], "second": [4, 8], "mixes": Choice([0, 1], ordered=False)}, build
    )
    with_it, without = (
        {"first": first, "second": 4, "mixes": mixes} for first, mixes in ((4, 1), (2, 0))
    )
    members = [member(space, architecture=a) for a in (without, with_it)]
    with pytest.raises(ValueError, match=r"mix.weight: member 0 lacks this layer, and it cannot"):
        grow(members, space, to={"first": 8, "second": 8, "mixes": 1})


def test_an_incomparable_network_is_refused_by_parameter():
    other = mlp(input_shape=(5,), num_classes=3, depths=[1], widths=[4, 8])
    with pytest.raises(ValueError, match=r"one\.weight: in member 0, but not in") as told:
        grow(linear().members(), other)
    assert "layers.0.0.weight: no member has this layer, or one like it" in str(told.value)


def test_another_kernel_is_refused():
    space = conv2d(
        input_shape=(1, 8, 8), num_classes=3, widths=[[4, 8]], depths=[1], expansions=[1]
    )
    with pytest.raises(ValueError, match=r"expand.weight: \(4, 4, 3, 3\) in member 0.*kernels are"):
        grow(member(space), space)


def test_two_members_as_wide_as_the_large_network_are_refused_and_one_is_not():
    space = SearchSpace({"width": [4], "hidden": [6, 12]}, Linears)
    two = [member(space, seed=s) for s in (0, 1)]
    with pytest.raises(ValueError, match=r"one.weight: \(4, 5\) in the large network and in 2"):
        grow(two, space)
    assert grow(two[0], space).space.largest()["hidden"] == 12


def test_a_fused_layer_without_a_layout_is_refused_with_the_one_to_write():
    space = SearchSpace({"model": [6, 12], "heads": [1, 2]}, Attending)
    small = SearchSpace({"model": [6], "heads": [1]}, Attending)
    with pytest.raises(ValueError, match=r"three heads dim\) model"):
        grow(member(small), space)


@pytest.mark.parametrize("make", [generators.shared, generators.Standalone])
def test_a_generator_without_templates_is_refused(make):
    net = linear()
    plain = make(subspace(net.space, net.small[0]))
    with pytest.raises(ValueError, match="nothing to recombine") as told:
        grow(plain, net.space)
    assert "growth.member(space" in str(told.value)


def test_a_generator_whose_coefficients_read_the_architecture_is_refused():
    net = linear()
    routed = generators.mos_layer(subspace(net.space, net.small[0]))
    with pytest.raises(ValueError, match="depend on the architecture"):
        grow(routed, net.space)


def test_a_grown_generator_is_refused_as_a_member():
    net = linear()
    grown = grow(net.members(), net.space, to=net.large)
    with pytest.raises(ValueError, match="grown itself"):
        grow(grown, net.space)


def test_a_generator_of_a_whole_space_and_no_member_at_all_are_refused():
    net = linear()
    with pytest.raises(ValueError, match=r"one architecture, got spaces of \[4\]"):
        grow(generators.shared(net.space), net.space)
    with pytest.raises(ValueError, match="one member or more"):
        grow([], net.space)


def test_unknown_settings_are_refused_with_those_there_are():
    net = linear()
    members = net.members()
    with pytest.raises(ValueError, match=r"'orthogonal', 'copy'.*got 'magic'"):
        grow(members, net.space, coefficients="magic")
    with pytest.raises(ValueError, match=r"\['nothing\*'\] match none of"):
        grow(members, net.space, silent=["nothing*"])
    with pytest.raises(ValueError, match="num_templates must be 1 or more, got 0"):
        member(net.space, num_templates=0)
    with pytest.raises(ValueError, match="no such choice"):
        grow(members, net.space, to={"size": 3})


def test_a_mean_or_a_division_through_a_tied_head_is_refused_with_what_to_name():
    space = transformer_lm(
        input_shape=(6,),
        num_classes=7,
        depths=[1],
        embed_dims=[8, 16],
        heads=[1, 2],
        head_dim=4,
        ratios=[2],
    )
    members = [member(space, seed=s) for s in (0, 1)]
    with pytest.raises(ValueError, match=r"average=\['norm.weight', 'norm.bias'\]"):
        grow(members, space, average=True)
    with pytest.raises(ValueError, match=r"divided=\['norm.weight', 'norm.bias'\]"):
        net2net(members[0], space)


def test_a_checkpoint_of_another_space_or_growth_is_refused(tmp_path):
    net = conv()
    method = Recombine()

    def phase(number: int, small=net.small, to=net.large):
        return untrained(net.space, growth=method, members=small, to=to, phase=number)

    for number in (-3, -1, 3):
        with pytest.raises(ValueError, match=r"0 to 1, or 2 of the grown network, got"):
            phase(number)
    grown = phase(2)
    checkpoint.save(
        tmp_path, step=1, generator=grown, optimizer=torch.optim.SGD(grown.parameters())
    )
    checkpoint.load(checkpoint.newest(tmp_path), generator=phase(2))
    with pytest.raises(checkpoint.CheckpointError, match="another search space"):
        checkpoint.load(checkpoint.newest(tmp_path), generator=phase(0))
    with pytest.raises(checkpoint.CheckpointError, match="another generator's parameters"):
        checkpoint.load(checkpoint.newest(tmp_path), generator=phase(1, net.small[:1]))


def test_random_growth_refuses_what_does_not_fit_too():
    space = SearchSpace({"width": [8, 4]}, lambda a: nn.Linear(a["width"], 3))
    large = generators.shared(subspace(space, {"width": 8}))
    with pytest.raises(ValueError, match="which is smaller"):
        grow_randomly(large, space, to="smallest")


def test_net2net_refuses_several_networks():
    net = linear()
    with pytest.raises(ValueError, match="net2net widens one network, got 2"):
        net2net(net.members(), net.space, to=net.large)
