"""Laws of growth: on convolutions, linear layers and attention."""

import copy
import warnings
from itertools import pairwise

import pytest
import torch
from growing_networks import NETWORKS, Linears, conv, linear
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.cost import flops
from hypernas.growth import (
    deviation,
    grow,
    grow_randomly,
    member,
    net2net,
    recalibrate,
    single,
)
from hypernas.growth.coefficients import RULES
from hypernas.spaces import resnet, transformer_lm

EVERY = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def weights_of(generator):
    with torch.no_grad():
        return generator(generator.space.largest())


def coefficients_of(generator):
    found = generator.coefficients(generator.space.largest())
    return {name: c.experts.detach() for name, c in found.items() if c.experts is not None}


def outputs_of(generator, inputs):
    with torch.no_grad():
        return generator.call(generator.space.largest(), inputs)


# --- members --------------------------------------------------------------------------------------


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


# --- blocks ---------------------------------------------------------------------------------------


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


# --- coefficients ---------------------------------------------------------------------------------


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


# --- what is preserved ----------------------------------------------------------------------------


@pytest.mark.parametrize("average", [False, True])
@EVERY
def test_with_zeros_the_logits_are_the_sum_or_the_mean_of_the_members(network, average):
    net = network()
    members = net.members()
    grown = grow(members, net.space, to=net.large, coefficients="zero", average=average).eval()
    own = [outputs_of(m, net.inputs) for m in members]
    expected = (own[0] + own[1]) / (2 if average else 1)
    assert_close(outputs_of(grown, net.inputs), expected, rtol=0, atol=1e-6)
    assert deviation(grown, members, net.inputs, average=average) < 1e-6


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "zero"])
@EVERY
def test_other_rules_change_the_logits(network, rule):
    net = network()
    members = net.members()
    grown = grow(members, net.space, to=net.large, coefficients=rule).eval()
    assert deviation(grown, members, net.inputs) > 1e-3


def test_with_zeros_new_residual_layers_change_nothing_and_yet_learn():
    net = conv()
    members = net.members(num_templates=6)
    grown = grow(members, net.space, coefficients="zero").eval()  # the largest is deeper
    assert grown.space.largest()["depth"] == 2
    assert deviation(grown, members, net.inputs) < 1e-6
    grown.call(grown.space.largest(), net.inputs).square().sum().backward()
    ends = [p for n, p in grown.named_parameters() if "fresh" in n and "blocks/1/norm2/weight" in n]
    assert len(ends) == 2
    assert all(p.eq(0).all() and p.grad.ne(0).any() for p in ends)


def test_a_new_layer_is_made_of_the_templates_of_the_layer_before_it():
    net = conv()
    members = net.members(num_templates=8)
    grown = grow(members, net.space)
    large = weights_of(grown)["blocks.1.project.weight"]
    vector = coefficients_of(grown)["blocks.1.project.weight[0:4, 0:6, 0:1, 0:1]"]
    stack = members[0].bank("blocks.0.project.weight")
    assert_close(large[:4, :6], torch.einsum("t,toihw->oihw", vector, stack), rtol=0, atol=2e-7)


def test_members_of_other_depths_are_summed_too():
    space = resnet(
        input_shape=(1, 8, 8), num_classes=3, widths=[[4, 8]], depths=[[1, 2, 3]], kernels=[3]
    )
    small = {"width_0": 4, "kernel_0_0": 3, "kernel_0_1": 3}
    members = [member(space, architecture=small | {"depth_0": d}, seed=d) for d in (1, 2)]
    inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    grown = grow(members, space, coefficients="zero")
    assert deviation(grown, members, inputs) < 1e-6


class Staged(nn.Module):
    """Two stages of unequal widths, so that a stage's first layer reads other channels than its next."""

    def __init__(self, a):
        super().__init__()
        widths = [a["width_0"], *[a["width_1"]] * a["depth"]]
        self.stem = nn.Linear(5, a["width_0"])
        self.layers = nn.ModuleList(
            Branch(before, after, a["hidden"]) for before, after in pairwise(widths)
        )
        self.head = nn.Linear(a["width_1"], 3)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Branch(nn.Module):
    def __init__(self, before, after, hidden):
        super().__init__()
        self.skip = nn.Identity() if before == after else nn.Linear(before, after)
        self.expand, self.norm = nn.Linear(before, hidden), nn.BatchNorm1d(hidden)
        self.project = nn.Linear(hidden, after)

    def forward(self, x):
        return self.skip(x) + self.project(self.norm(self.expand(x)).relu())


STAGED = {"width_0": [4, 8], "width_1": [6, 12], "hidden": [5, 10], "depth": [1, 2, 3]}


@pytest.mark.parametrize("depths", [(1, 2), (2, 1), (1, 1), (1, 3), (3, 2)])
def test_members_of_other_depths_are_summed_where_stages_begin_with_other_channels(depths):
    space = SearchSpace(STAGED, Staged)
    small = {"width_0": 4, "width_1": 6, "hidden": 5}
    members = [
        member(space, architecture=small | {"depth": d}, num_templates=12, seed=i)
        for i, d in enumerate(depths)
    ]
    inputs = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    for part in members:
        part.train().call(part.space.largest(), inputs)
        part.eval()
    grown = grow(members, space, coefficients="zero")
    assert deviation(grown, members, inputs) < 1e-6
    large = weights_of(grown)
    for name, own in weights_of(members[1]).items():
        if name not in ("stem.weight", "head.weight", "head.bias"):
            last = tuple(
                slice(whole - n, whole)
                for n, whole in zip(own.shape, large[name].shape, strict=True)
            )
            assert_close(large[name][last], own, rtol=0, atol=0)


LANGUAGE = transformer_lm(
    input_shape=(6,),
    num_classes=7,
    depths=[1, 2],
    embed_dims=[8, 16],
    heads=[1, 2],
    head_dim=4,
    ratios=[2],
)
TOKENS = torch.randint(7, (3, 6), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("average", [False, ["norm.weight", "norm.bias"]])
def test_under_layer_norms_the_sum_holds_for_equal_members_and_not_for_others(average):
    first, other = (member(LANGUAGE, seed=seed) for seed in (0, 1))
    equal = grow([first, first], LANGUAGE, coefficients="zero", average=average)
    assert deviation(equal, [first, first], TOKENS, average=bool(average)) < 1e-6
    unequal = grow([first, other], LANGUAGE, coefficients="zero", average=average)
    assert deviation(unequal, [first, other], TOKENS, average=bool(average)) > 1e-3


def test_between_its_norms_a_transformer_layer_keeps_its_members_apart():
    members = [member(LANGUAGE, seed=seed) for seed in (0, 1)]
    wide = {"depth": 1, "embed_dim": 16, "heads_0": 2, "ratio_0": 2}
    grown = grow(members, LANGUAGE, to=wide, coefficients="zero")
    modules = [g.export(g.space.largest()) for g in (grown, *members)]
    x = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0))  # one for each member
    for sublayer in ("attention", "feed_forward"):
        large, *own = (getattr(module.blocks[0], sublayer) for module in modules)
        expected = torch.cat([part(value) for part, value in zip(own, x, strict=True)], -1)
        assert_close(large(torch.cat(list(x), -1)), expected, rtol=0, atol=1e-6)


# --- norms, storage, cost, export -----------------------------------------------------------------


def test_batch_norms_are_those_of_the_members_one_after_the_other():
    net = conv()
    members = net.members()
    grown = grow(members, net.space, to=net.large)
    large, *own = ({**weights_of(g), **g.statistics(g.space.largest())} for g in (grown, *members))
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        name = f"blocks.0.norm1.{leaf}"
        assert own[0][name].ne(own[1][name]).all() or leaf in ("weight", "bias")
        assert_close(large[name], torch.cat([o[name] for o in own]), rtol=0, atol=0)


def test_recalibrated_statistics_are_those_of_the_grown_network():
    net = conv()
    grown = grow(net.members(), net.space, to=net.large)
    joined = {n: t.clone() for n, t in grown.statistics(grown.space.largest()).items()}
    recalibrate(grown, [net.inputs])
    module = grown.export(grown.space.largest())
    assert not torch.allclose(
        module.blocks[0].norm2.running_mean, joined["blocks.0.norm2.running_mean"], atol=1e-3
    )
    module.train()  # batch statistics, as calibration has them
    hidden = []
    module.blocks[0].expand.register_forward_hook(lambda *args: hidden.append(args[2]))
    calibrated = module.blocks[0].norm1.running_mean.clone()
    with torch.no_grad():
        module(net.inputs)
    assert_close(calibrated, hidden[0].mean((0, 2, 3)), rtol=0, atol=1e-5)


def test_growth_stores_coefficients_only_and_two_templates_store_what_they_make():
    net = conv()
    members = net.members(num_templates=2)
    grown = grow(members, net.space, to=net.large)
    stored = [sum(p.numel() for p in g.parameters()) for g in (grown, *members)]
    assert stored[0] - stored[1] - stored[2] == sum(
        p.numel() for p in grown.source.new.parameters()
    )
    square = "blocks.0.project.weight"  # cut in rows and columns
    templates = sum(m.bank(square).numel() for m in members)
    assert templates == weights_of(grown)[square].numel()


def test_a_member_of_half_the_width_costs_about_a_quarter():
    space = resnet(
        input_shape=(1, 12, 12),
        num_classes=4,
        widths=[[16, 32], [32, 64]],
        depths=[[1], [1]],
        kernels=[3],
    )
    small, large = (
        flops(space.build(a), torch.zeros(1, 1, 12, 12))
        for a in (space.smallest(), space.largest())
    )
    assert_close(small / large, 0.25, rtol=0.03, atol=0)


@EVERY
def test_an_exported_network_computes_what_the_grown_generator_does(network):
    net = network()
    grown = grow(net.members(), net.space, to=net.large).eval()
    module = grown.export(net.large)
    assert type(module) is type(net.space.build(net.large))
    with torch.no_grad():
        assert_close(module(net.inputs), outputs_of(grown, net.inputs), rtol=0, atol=1e-6)


@EVERY
def test_gradients_are_those_of_the_slow_obvious_way(network):
    net = network()
    grown = grow(net.members(), net.space, to=net.large).double()
    names = [n for n, p in grown.named_parameters()]
    assert torch.autograd.gradcheck(
        lambda *tensors: tuple(
            w.sin().sum()
            for w in torch.func.functional_call(
                grown, dict(zip(names, tensors, strict=True)), (net.large,)
            ).values()
        ),
        [p.detach().clone().requires_grad_() for p in grown.parameters()],
        fast_mode=True,
    )


def test_templates_that_layers_share_grow_too():
    space = SearchSpace(
        {"width": [4, 8], "depth": [3]},
        lambda a: nn.Sequential(
            nn.Linear(5, a["width"]),
            *(nn.Linear(a["width"], a["width"]) for _ in range(3)),
            nn.Linear(a["width"], 2),
        ),
    )
    small = single(space, {"width": 4, "depth": 3})
    members = [generators.soft_sharing(small, num_templates=3, seed=s) for s in (0, 1)]
    inputs = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    assert deviation(grow(members, space, coefficients="zero"), members, inputs) < 1e-6
    with pytest.warns(UserWarning, match="num_templates=6"):  # three layers, a new block of each
        grow(members, space)


def test_new_coefficients_are_orthogonal_also_where_templates_are_cut_from_a_flat_vector():
    net = linear()
    small = single(net.space, net.small[0])
    members = [generators.ssn(small, max_parameters=90, seed=s) for s in (0, 1)]
    vectors = coefficients_of(grow(members, net.space, to=net.large))
    own, new = vectors["two.weight[0:6, 0:4]"], vectors["two.weight[0:6, 4:8]"]
    assert len(own) == 2
    assert_close(own @ new, torch.tensor(0.0), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "method",
    [grow, grow_randomly, lambda members, *a, **k: net2net(members[0], *a, **k)],
    ids=["grow", "grow_randomly", "net2net"],
)
def test_what_grows_from_double_precision_has_it(method):
    net = conv()
    members = [m.double() for m in net.members()]
    grown = method(members, net.space, to=net.large)
    assert outputs_of(grown.eval(), net.inputs.double()).dtype == torch.float64


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
