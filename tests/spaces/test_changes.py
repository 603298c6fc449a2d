"""Spaces that are made of others."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas import Choice, SearchSpace, generators
from hypernas.cost import flops
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.spaces import conv2d, mlp, resnet, vit
from hypernas.spaces.changes import (
    coupled,
    elastic_resolution,
    identity_start,
    regularized_largest,
)
from hypernas.spaces.changes.branches import branch_norms
from hypernas.training import Training
from hypernas.training.optimizer import Groups

SMALL = conv2d(input_shape=(1, 8, 8), num_classes=3, widths=[[4, 6], [6, 8]], depths=[1, 2])
IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % 3


# --- residual blocks that start as the identity ----------------------------------------------


def test_the_norms_at_the_ends_of_branches_are_found():
    assert set(branch_norms(SMALL)) == {
        f"stages.{s}.blocks.{b}.project_norm" for s in range(2) for b in range(2)
    }
    rest = resnet(input_shape=(3, 8, 8), num_classes=3, widths=[[4], [8]], depths=[[2], [2]])
    assert set(branch_norms(rest)) == {f"stages.{s}.{b}.norm2" for s in range(2) for b in range(2)}
    with pytest.raises(ValueError, match="ends a residual branch"):
        branch_norms(vit(input_shape=(3, 16, 16), num_classes=3, depths=[1]))


@pytest.mark.parametrize("make", [generators.shared, generators.hypernas])
def test_at_the_start_every_residual_block_is_the_identity(make):
    generator = make(identity_start(SMALL)).eval()
    for architecture in (SMALL.largest(), SMALL.sample(torch.Generator().manual_seed(1))):
        module = generator.export(architecture)
        for stage in module.stages:
            x = torch.randn(2, stage.blocks[0].expand.in_channels, 5, 5)
            for block in stage.blocks:
                assert_close(block(x), x, rtol=0, atol=0)


def test_what_starts_at_zero_can_be_named_and_learns():
    own = identity_start(mlp(input_shape=(2,), num_classes=3), zero=["head.*"])
    generator = generators.shared(own)
    x = torch.randn(5, 2)
    assert not generator.call(own.largest(), x).any()
    generator.call(own.largest(), x).sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in generator.parameters())
    with pytest.raises(ValueError, match=r"\['tail'\] match none"):
        identity_start(SMALL, zero=["tail"])


# --- the largest alone regularised -----------------------------------------------------------


class Noisy(nn.Module):
    def __init__(self, architecture):
        super().__init__()
        self.enter, self.leave = (
            nn.Linear(4, architecture["width"]),
            nn.Linear(architecture["width"], 3),
        )
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.leave(self.dropout(self.enter(x).relu()))


@pytest.mark.parametrize(
    ("space", "x"),
    [
        (regularized_largest(SMALL), IMAGES),
        (
            regularized_largest(SearchSpace({"width": [4, 8]}, Noisy), dropout=0, drop_path=0),
            torch.randn(6, 4),
        ),
    ],
)
def test_the_largest_alone_has_dropout_and_only_while_it_trains(space, x):
    generator = generators.shared(space).train()
    for architecture, random in ((space.largest(), True), (space.smallest(), False)):
        found = [generator.call(architecture, x) for _ in range(2)]
        assert torch.equal(found[0], found[1]) is not random
    module = copy.deepcopy(generator.eval().export(space.largest()))
    assert_close(module(x), module(x), rtol=0, atol=0)
    assert_close(module(x), generator.call(space.largest(), x))


def test_a_dropped_branch_leaves_whole_examples_to_the_shortcut():
    space = regularized_largest(
        SMALL, dropout=0, drop_path=0.5, branches=["stages.0.blocks.0.project_norm"]
    )
    block = space.build(space.largest()).train().stages[0].blocks[0]
    x = torch.randn(400, 6, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    added = block(x) - x
    kept = added.flatten(1).any(1)
    assert 0.4 < kept.float().mean() < 0.6


def test_decay_by_the_optimizer_is_the_penalty_of_the_largest_alone_where_gradients_are_summed():
    space, decay = mlp(input_shape=(2,), num_classes=3, widths=(4, 8)), 0.3
    batch = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)).double(), LABELS
    step = Sandwich()(space, torch.Generator().manual_seed(0))
    found = []
    for rate in (decay, 0.0):
        generator = generators.shared(space).double()
        groups = Groups(generator, partial(torch.optim.SGD, lr=0.1, weight_decay=rate))
        Training(combine="sum").backward(generator, step, batch, CrossEntropy())
        if not rate:
            decaying = [p for g in generator.parameter_groups() if g.decay for p in g.parameters]
            (decay / 2 * sum((p**2).sum() for p in decaying)).backward()
        groups.step(None)
        found.append(generator.state_dict())
    assert_close(found[0], found[1], rtol=0, atol=1e-15)


# --- elastic resolution ----------------------------------------------------------------------


def test_a_subnet_resizes_its_inputs_and_keeps_its_weights():
    space = elastic_resolution(SMALL, scales=[0.5, 0.75, 1])
    assert space.size == 3 * SMALL.size
    generator = generators.shared(space).eval()
    values = dict(SMALL.smallest())
    for scale, size in ((0.5, 4), (0.75, 6), (1, 8)):
        architecture = {"resolution": scale, **values}
        module = generator.export(architecture)
        resized = nn.functional.interpolate(IMAGES, (size, size), mode="bilinear")
        plain = SMALL.build(values).eval()
        plain.load_state_dict(module.state_dict())
        assert_close(module(IMAGES), plain(resized))
        assert_close(generator.call(architecture, IMAGES), module(IMAGES))
        assert flops(space.build(architecture), IMAGES) == flops(plain, resized)


def test_resolutions_of_what_has_no_axes_of_space_are_refused():
    space = elastic_resolution(mlp(input_shape=(2,), num_classes=3))
    with pytest.raises(ValueError, match=r"needs inputs of shape \(N, channels, \*space\)"):
        space.build(space.largest())(torch.zeros(2, 2))
    with pytest.raises(ValueError, match="choice 'resolution' already"):
        elastic_resolution(elastic_resolution(SMALL))
    with pytest.raises(ValueError, match="above 0"):
        elastic_resolution(SMALL, scales=[0, 1])


# --- coupled choices -------------------------------------------------------------------------


def test_followers_take_the_place_of_their_leader():
    space = coupled(
        SMALL,
        followers={
            "depth_0": ["width_0", "expansion_0_*"],
            "depth_1": ["width_1", "expansion_1_*"],
        },
    )
    assert not {"width_0", "expansion_0_0", "width_1"} & set(space.choices)
    every = list(space.enumerate())
    assert len(every) == space.size == (2 + 4) ** 2 < SMALL.size  # depths, and kernels of blocks
    small, large = (space.build(a) for a in (space.smallest(), space.largest()))
    for module, whole in ((small, SMALL.smallest()), (large, SMALL.largest())):
        assert [p.shape for p in module.parameters()] == [
            p.shape for p in SMALL.build(whole).parameters()
        ]
    generator = generators.shared(space).eval()
    assert generator.call(space.smallest(), IMAGES).shape == (6, 3)
    whole = SMALL.build({**SMALL.smallest(), "depth_0": 1, "expansion_0_0": 1})
    assert (
        coupled(SMALL)
        .build(
            {
                "width_0": 4,
                "depth_0": 1,
                "kernel_0_0": 3,
                "width_1": 6,
                "depth_1": 1,
                "kernel_1_0": 3,
            }
        )
        .state_dict()
        .keys()
        == whole.state_dict().keys()
    )


def test_what_cannot_be_coupled_is_told_at_once():
    space = SearchSpace(
        {"a": [1, 2], "b": [1, 2, 3], "op": ["x", "y"], "c": Choice([1, 2], when={"b": [2]})},
        build=lambda architecture: nn.Linear(1, 1),
    )
    with pytest.raises(ValueError, match="choices cannot be coupled") as error:
        coupled(space, followers={"a": ["b", "op", "z*"], "d": ["b"]})
    told = str(error.value)
    for words in (
        "z*: matches no choice",
        "op: has no order",
        "d: no such choice",
        "b: follows a and d",
    ):
        assert words in told
    assert "c: depends on b, which follows" in told
