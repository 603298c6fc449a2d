"""Norms, storage, cost, gradients and export of grown networks."""

import pytest
import torch
from growing_networks import EVERY, conv, linear, outputs_of, weights_of
from torch.testing import assert_close

from hypernas.cost import flops
from hypernas.growth import Growth, deviation, grow, grow_randomly, net2net, recalibrate
from hypernas.spaces import resnet


def test_batch_norms_are_those_of_the_members_one_after_the_other():
    net = conv()
    members = net.members()
    grown = grow(members, net.space, to=net.large)
    large, *own = (
        {**weights_of(g), **g.statistics(g.space.largest()).tensors} for g in (grown, *members)
    )
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        name = f"blocks.0.norm1.{leaf}"
        assert own[0][name].ne(own[1][name]).all() or leaf in ("weight", "bias")
        assert_close(large[name], torch.cat([o[name] for o in own]), rtol=0, atol=0)


def test_recalibrated_statistics_are_those_of_the_grown_network():
    net = conv()
    grown = grow(net.members(), net.space, to=net.large)
    joined = {n: t.clone() for n, t in grown.statistics(grown.space.largest()).tensors.items()}
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


def test_a_method_of_ones_own_is_a_function_that_gets_as_many_members_as_it_can_use():
    net = linear()
    method = Growth(
        lambda members, space, *, to, seed: net2net(members, space, to=to, seed=seed), max_members=1
    )
    members = [method.member(net.space, net.small[0], seed=seed) for seed in (0, 1)]
    grown = method.grow(members, net.space, to=net.large, seed=0)
    assert deviation(grown, members[:1], net.inputs) < 1e-6
    assert method.inherit([{}]) == {}
