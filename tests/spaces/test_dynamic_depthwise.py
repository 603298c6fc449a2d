"""Depth-wise convolutions whose kernels are made from what they read, and the space of them."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from hypernas.generators import hypernas
from hypernas.spaces import local_vit
from hypernas.spaces.dynamic_depthwise import HEADS, DynamicDepthwise, by_position, grouped
from hypernas.spaces.local_vit import MIXERS, WindowAttention


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_one_convolution_of_many_groups_equals_a_loop_over_the_examples():
    x, kernels = normal(3, 4, 6, 5), normal(3, 4, 9, seed=1)
    each = [
        F.conv2d(x[n : n + 1], kernels[n].view(4, 1, 3, 3), padding=1, groups=4) for n in range(3)
    ]
    assert_close(grouped(x, kernels, 3), torch.cat(each), rtol=0, atol=0)


def test_kernels_that_are_the_same_at_every_position_are_those_of_a_head_for_all_its_channels():
    x, kernels = normal(2, 6, 5, 4), normal(2, 2, 9, seed=1)
    everywhere = kernels[:, None, None].expand(2, 5, 4, 2, 9)
    by_channel = kernels.repeat_interleave(3, dim=1)
    assert_close(by_position(x, everywhere, 3), grouped(x, by_channel, 3), rtol=0, atol=2e-6)


@pytest.mark.parametrize("sides", [3, (1, 3)])
def test_kernels_of_each_position_are_those_of_a_loop_over_positions(sides):
    x = normal(2, 4, 3, 5)
    height, width = (3, 3) if sides == 3 else sides
    kernels = normal(2, 3, 5, 2, height * width, seed=1)
    padded = F.pad(x, (width // 2, width // 2, height // 2, height // 2))
    expected = torch.empty_like(x)
    for i in range(3):
        for j in range(5):
            window = padded[:, :, i : i + height, j : j + width].flatten(2)
            by_channel = kernels[:, i, j].repeat_interleave(2, dim=1)
            expected[:, :, i, j] = (window * by_channel).sum(-1)
    assert_close(by_position(x, kernels, sides), expected, rtol=0, atol=2e-6)


def test_windows_of_series_are_those_of_images_of_height_one():
    x, kernels = normal(2, 4, 1, 7), normal(2, 4, 3, seed=1)
    middle = torch.zeros(2, 4, 3, 3)
    middle[:, :, 1] = kernels
    assert_close(grouped(x, kernels, (1, 3)), grouped(x, middle.flatten(2), 3))
    square = WindowAttention(4, window=3, heads=2)
    flat = WindowAttention(4, window=(1, 3), heads=2)
    flat.load_state_dict(square.state_dict())
    assert_close(flat(x), square(x))
    space = local_vit(
        input_shape=(1, 12), num_classes=3, patch_size=2, channels=8, depths=[1], kernel=3
    )
    series = normal(2, 1, 12)
    for mixer in MIXERS:
        network = space.build({"depth": 1, "mixer_0": mixer}).eval()
        assert_close(network(series), network(series[:, :, None]))


@pytest.mark.parametrize("mode", ["homogeneous", "position"])
def test_without_w2_the_layer_is_the_static_convolution_of_its_bias_kernels(mode):
    layer = DynamicDepthwise(8, kernel=3, mode=mode, heads=2)
    torch.nn.init.zeros_(layer.head.coefficients.weight)
    kernels = layer.head.coefficients.bias.view(-1, 9)
    if mode == "position":
        kernels = kernels.repeat_interleave(4, dim=0)
    x = normal(2, 8, 5, 5)
    static = F.conv2d(x, kernels.view(8, 1, 3, 3), layer.bias, padding=1, groups=8)
    assert_close(layer(x), static, rtol=0, atol=2e-6)


def test_published_layers_have_the_parameters_of_the_formula_and_other_heads_far_fewer():
    def formula(c: int, r: int = 4, k: int = 7) -> int:
        return c * c // r + 2 * c // r + c // r * c * k * k + c * k * k + c

    def count(channels: int, **settings) -> int:
        with torch.device("meta"):
            layer = DynamicDepthwise(channels, **settings)
        return sum(p.numel() for p in layer.parameters())

    assert [count(c) for c in (96, 768)] == [formula(96), formula(768)] == [120_048, 7_411_584]
    fewer = {head: count(768, head=head) for head in HEADS if head != "full"}
    assert all(num < 7_411_584 / 8 for num in fewer.values()), fewer


@pytest.mark.parametrize("head", HEADS)
def test_kernels_of_every_head_follow_the_example_and_all_parameters_learn(head):
    layer = DynamicDepthwise(8, kernel=3, head=head)
    x = normal(4, 8, 5, 5)
    kernels = layer.kernels(x)
    assert kernels.shape == (4, 8, 9)
    assert not torch.allclose(kernels[0], kernels[1], atol=1e-4)
    layer(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_attention_in_windows_sees_its_window_alone_and_no_padding():
    layer, x = WindowAttention(4, window=3, heads=2).eval(), normal(1, 4, 5, 3)
    other = x.clone()
    other[:, :, 3:] = 0  # the second window
    with torch.no_grad():
        both = layer(x), layer(other)
        alone = layer(x[:, :, 3:])  # two of three rows
    assert_close(both[0][:, :, :3], both[1][:, :, :3])
    assert_close(both[0][:, :, 3:], alone)


def test_one_generator_emits_the_network_of_every_mixer():
    space = local_vit(input_shape=(1, 8, 8), num_classes=3, channels=8, depths=[1], kernel=3)
    generator, x = hypernas(space, num_experts=1, hidden_dims=(4,)), normal(2, 1, 8, 8)
    made = {m: generator.call({"depth": 1, "mixer_0": m}, x).shape for m in MIXERS}
    assert set(made.values()) == {(2, 3)}


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="mode must be one of"):
        DynamicDepthwise(8, mode="windows")
    with pytest.raises(ValueError, match="expected an odd kernel"):
        DynamicDepthwise(6, kernel=7)
    with pytest.raises(ValueError, match="series of"):
        local_vit(input_shape=(1, 9, 9), num_classes=2)
    with pytest.raises(ValueError, match="whose sides 4 divides"):
        local_vit(input_shape=(1, 9), num_classes=2)
    with pytest.raises(ValueError, match="mixers must be some of"):
        local_vit(input_shape=(1, 8, 8), num_classes=2, mixers=["conv"])


def test_a_space_refuses_what_its_own_mixers_need_alone():
    options = {"input_shape": (1, 8, 8), "num_classes": 2, "patch_size": 2, "heads": 1}
    space = local_vit(**options, mixers=["static"], channels=6)
    assert space.build(space.largest())(torch.randn(1, 1, 8, 8)).shape == (1, 2)
    for mixers, more in (
        (["dynamic"], {}),
        (["static"], {"kernel": 4}),
        (["attention"], {"heads": 4}),
    ):
        with pytest.raises(ValueError, match="expected an odd kernel"):
            local_vit(**{**options, **more}, mixers=mixers, channels=6)
