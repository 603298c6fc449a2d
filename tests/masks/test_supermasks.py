"""Supermasks over the parameters of any generator."""

import math

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.masks import Masked, Supermask, make_signed, num_kept, top
from hypernas.spaces import mlp

SPACE = mlp(input_shape=(6,), num_classes=3, depths=[1, 2], widths=[8, 12], norm="layer")
RNG = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("num", "density", "kept"),
    [(10, 0.1, 1), (15, 0.1, 2), (7, 0.5, 4), (9, 1, 9), (640, 0.02, 13)],
)
def test_each_layer_keeps_the_published_number_of_entries_be_scores_alike_or_not(
    num, density, kept
):
    assert num_kept(num, density) == kept == num - int((1 - density) * num)
    for scores in (torch.randn(num, generator=RNG), torch.ones(num)):
        mask = top(scores, density)
        assert mask.sum() == kept
        assert (
            scores.abs()[mask == 0].max() <= scores.abs()[mask == 1].min() if kept < num else True
        )


def test_a_score_has_the_gradient_of_its_mask_times_its_sign():
    scores = torch.randn(4, 5, generator=RNG, requires_grad=True)
    factors = torch.randn(4, 5, generator=RNG)
    (top(scores, 0.3) * factors).sum().backward()
    assert_close(scores.grad, factors * scores.detach().sign())


@pytest.mark.parametrize(
    "make", [generators.shared, generators.soft_sharing, generators.hypernas, generators.acdc]
)
def test_a_masked_generator_is_that_generator_of_masked_parameters_at_any_size(make):
    generator = make(SPACE)
    masked = Masked(generator, density=0.3)
    masks = masked.supermask.masks()
    sizes = [SPACE.largest(), SPACE.smallest()]
    found = masked.many(sizes)
    found[0]["head.weight"].sum().backward()
    assert all(s.grad is not None for s in masked.supermask.scores.values())
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name in masks:
                parameter.mul_(masks[name])
        for own, expected in zip(found, generator.many(sizes), strict=True):
            assert_close(own, expected, rtol=0, atol=0)


def test_with_one_weight_for_each_parameter_masks_are_masks_of_weights_and_export_holds_them():
    masked = Masked(generators.shared(SPACE), density=0.25)
    make_signed(masked)
    net = masked.export(SPACE.largest())
    weight = net.layers[0][0].weight
    assert (weight != 0).sum() == num_kept(weight.numel(), 0.25)
    assert_close(weight[weight != 0].abs().max().item(), math.sqrt(2 / 6))
    assert weight[weight != 0].abs().unique().numel() == 1
    inputs = torch.randn(5, 6, generator=RNG)
    assert_close(net(inputs), masked.eval().call(SPACE.largest(), inputs))


def test_scores_that_begin_at_a_mask_have_that_mask_and_the_size_of_fresh_ones():
    mask = {"w": torch.rand(30, 8, generator=RNG) < 0.25}
    own = Supermask({"w": (30, 8)}, density=float(mask["w"].float().mean()), seed=1)
    fresh = own.scores["w"].detach().abs().sort().values.clone()
    own.begin_at({"w": mask["w"].float()}, seed=1)
    assert bool((own.masks()["w"] == mask["w"]).all())
    assert_close(own.scores["w"].abs().flatten().sort().values, fresh.flatten().sort().values)


def test_masks_that_do_not_fit_are_all_told():
    masked = Masked(generators.shared(SPACE))
    told = r"(?s)head/weight: expected .*got none.*other: expected no such mask"
    with pytest.raises(ValueError, match=told), masked.using({"other": torch.ones(2)}):
        pass
    with pytest.raises(ValueError, match="density must be above 0"):
        Masked(generators.shared(SPACE), density=0.0)
