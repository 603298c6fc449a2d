"""Widths that stand at about equal distances of cost."""

import itertools

import pytest
import torch

from hypernas import generators
from hypernas.cost import flops
from hypernas.objectives import CrossEntropy
from hypernas.spaces import mlp
from hypernas.spaces.changes import equal_bins
from hypernas.subnet.sizes import SizeParts


def space(widths=tuple(range(2, 41, 2))):
    return mlp(input_shape=(30,), num_classes=3, depths=(2,), widths=widths, norm="none")


def cost(own):
    example = torch.zeros(1, 30)
    return lambda architecture: float(flops(own.build(architecture), example))


def test_bins_are_of_about_equal_cost_and_keep_the_ends():
    own = space()
    binned = equal_bins(own, num_bins=10, cost=cost(own))
    costs = {
        name: [cost(own)(own.largest_with(name, v)) for v in choice.values]
        for name, choice in binned.choices.items()
        if "width" in name
    }
    steps = torch.tensor([b - a for some in costs.values() for a, b in itertools.pairwise(some)])
    assert len(steps) == 10
    assert float(steps.max() / steps.min()) < 2.01  # to a channel pair
    assert binned.smallest() == own.smallest()
    assert binned.largest() == own.largest()
    assert all(architecture in own for architecture in binned.enumerate())


def test_a_dear_choice_has_more_bins():
    binned = equal_bins(space(), num_bins=12)
    dear, cheap = (len(binned.choices[f"width_{i}"].values) for i in (0, 1))
    assert dear > cheap  # the first layer reads 30 inputs beside


def test_as_many_bins_as_values_change_nothing_and_one_leaves_the_ends():
    own = space((2, 4, 6))
    assert equal_bins(own, num_bins=1000).choices == own.choices
    few = equal_bins(own, num_bins=1).choices
    assert [few[f"width_{i}"].values for i in (0, 1)] == [(2, 6), (2, 6)]
    with pytest.raises(ValueError, match="'kernel"):
        equal_bins(own, choices="kernel*")


def test_the_least_of_patterns_is_no_more_than_the_fixed_one():
    own = space((8, 16, 24))
    generator = generators.cafenet(own, radius=2, num_candidates=8).eval()
    plain = generators.shared(own).eval()
    rng = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(40, 30, generator=rng), torch.arange(40) % 3

    def loss(outputs):
        return CrossEntropy().loss(outputs, targets)

    less = 0
    for architecture in own.enumerate():
        fixed = float(loss(plain.call(architecture, inputs)).detach())
        generators.choose_channels(generator, architecture, inputs, loss=loss, rng=rng)
        found = float(loss(generator.call(architecture, inputs)).detach())
        assert found <= fixed + 1e-6
        less += found < fixed - 1e-4
    assert less > 4


def test_parts_by_size_divide_the_space_and_know_their_ends():
    own = space((4, 8, 12, 16))
    parts = SizeParts(own, 3)
    members = [architecture for some in parts.members for architecture in some]
    assert len(members) == len(set(members)) == own.size
    assert parts.members[0][0] == own.smallest()
    assert parts.members[-1][-1] == own.largest()
    assert all(parts(a) == k for k in range(3) for a in parts.members[k])
