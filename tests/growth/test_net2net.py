"""Net2Net preserves the function, and its noise tells copies apart."""

import pytest
import torch
from growing_networks import EVERY, LANGUAGE, TOKENS, conv, linear
from torch.testing import assert_close

from hypernas import generators
from hypernas.growth import deviation, net2net, subspace
from hypernas.spaces import resnet


@pytest.mark.parametrize("noise", [0.0, 0.3])
@EVERY
def test_a_wider_network_computes_what_the_small_one_does(network, noise):
    net = network()
    (teacher, _) = net.members()
    student = net2net(teacher, net.space, to=net.large, noise=noise).eval()
    assert deviation(student, [teacher], net.inputs) < 1e-6


def test_so_does_a_deeper_one_and_one_of_uneven_widths():
    space = resnet(
        input_shape=(1, 8, 8),
        num_classes=3,
        widths=[[4, 7], [6, 10]],
        depths=[[1, 2], [1, 3]],
        kernels=[3],
    )
    inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    teacher = generators.shared(subspace(space, "smallest"))
    assert deviation(net2net(teacher, space), [teacher], inputs) < 1e-6


def test_so_does_a_language_model_whose_head_is_its_embedding():
    teacher = generators.shared(subspace(LANGUAGE, "smallest"))
    student = net2net(teacher, LANGUAGE, divided=["norm.weight", "norm.bias"])
    assert deviation(student, [teacher], TOKENS) < 1e-6


def test_noise_tells_copies_apart_where_they_are_read():
    net = linear()
    (teacher, _) = net.members()
    for noise, equal in ((0.0, True), (0.1, False)):
        large = net2net(teacher, net.space, to=net.large, noise=noise)(net.large)
        assert torch.equal(large["two.weight"][:6, :4], large["two.weight"][:6, 4:]) == equal


def test_channels_are_repeated_in_turn_and_shared_out_among_what_reads_them():
    net = conv()
    (teacher, _) = net.members()
    small, large = (
        g(g.space.largest())
        for g in (teacher, net2net(teacher, net.space, to=net.large, noise=0.0))
    )
    stem, head = small["stem.weight"], small["head.weight"]
    assert_close(large["stem.weight"], torch.cat([stem, stem]))
    assert_close(large["head.weight"], torch.cat([head, head], 1) / 2)
