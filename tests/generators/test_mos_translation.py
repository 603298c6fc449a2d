"""Mixture-of-Supernets over translators, against the published layers computed from the same tensors."""

import math

import pytest
import torch
from torch.testing import assert_close

from hypernas.generators import mos_layer, mos_neuron
from hypernas.spaces import seq2seq

EXPERTS = 3
BOTH = pytest.mark.parametrize("mos", [mos_layer, mos_neuron])
PUBLISHED = {"experts": ["*feed_forward.*"], "num_experts": EXPERTS, "hidden_dim": 16}


@pytest.fixture(scope="module")
def space():
    return seq2seq(input_shape=[6], num_classes=11, encoding="aggr")


def router_of(generator, parameter, features):
    """The published router of a parameter: two layers of the ten features; rows of logits, one of each gate."""
    source = generator.source
    (i,) = [i for i, names in enumerate(source.routers.values()) if parameter in names]
    rows = slice(16 * i, 16 * (i + 1))
    hidden = torch.relu(source.hidden_weight[rows] @ features + source.hidden_bias[rows])
    return (source.weights[i] @ hidden + source.biases[i]).view(-1, EXPERTS)


@BOTH
def test_feed_forward_layers_are_the_published_mixtures_and_all_else_is_sliced(mos, space, rng):
    generator = mos(space, **PUBLISHED, seed=2).eval()
    for architecture in (space.smallest(), space.sample(rng), space.largest()):
        features = torch.tensor([*space.features(architecture).values()])
        assert len(features) == 10
        for name, weight in generator(architecture).items():
            stack = generator.bank(name)
            block = (slice(None), *(slice(size) for size in weight.shape))
            if "feed_forward." not in name:
                assert len(stack) == 1
                assert_close(weight, stack[block][0], rtol=0, atol=0)
                continue
            logits = router_of(generator, name, features)
            if mos is mos_neuron:  # the first neurons' rows are those of a narrower layer
                gates = logits[: weight.shape[0]].softmax(-1)
                mixed = torch.einsum("oe,eo...->o...", gates, stack[block])
            else:
                mixed = torch.einsum("e,e...->...", logits[0].softmax(-1), stack[block])
            assert_close(weight, mixed, rtol=0, atol=1e-6)


def test_layers_share_a_router_for_both_matrices_and_neurons_have_one_for_each(space):
    depth = 3 + 3  # layers of the largest
    for mos, routers in ((mos_layer, depth), (mos_neuron, 2 * depth)):
        assert len(mos(space, **PUBLISHED).source.routers) == routers


@BOTH
def test_independent_experts_begin_with_the_published_variance(mos):
    space = seq2seq(input_shape=[6], num_classes=11, encoder_depths=[1], attend=[1])
    generator = mos(space, **PUBLISHED, independent=True, zero_bias=True).eval()
    name = "encoder.0.feed_forward.expand.weight"
    stack, gates = generator.bank(name), generator.coefficients(space.largest())[name].experts
    correlation = torch.corrcoef(stack.flatten(1)) - torch.eye(EXPERTS)
    assert correlation.abs().max() < 0.05  # of 12,288 numbers
    mixed = generator(space.largest())[name]
    expected = stack.std() * gates.square().sum(-1).mean().sqrt()
    assert_close(mixed.std(), expected, rtol=0.05, atol=0)
    by_default = mos(space, **PUBLISHED).eval()(space.largest())[name]
    assert_close((by_default.std() / mixed.std()).item(), math.sqrt(EXPERTS), rtol=0.2, atol=0)


def test_independent_experts_have_no_other_spread(space):
    with pytest.raises(ValueError, match="independent experts stand beside no base"):
        mos_layer(space, independent=True, spread=0)
