"""What is preserved where new blocks are zero."""

from itertools import pairwise

import pytest
import torch
from growing_networks import (
    EVERY,
    LANGUAGE,
    TOKENS,
    coefficients_of,
    conv,
    outputs_of,
    weights_of,
)
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.growth import deviation, grow, member
from hypernas.growth.coefficients import RULES
from hypernas.spaces import resnet


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
