import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas.cost import num_parameters
from hypernas.generators import shared
from hypernas.spaces import mobilenet
from hypernas.spaces.mobilenet import InvertedResidual, SqueezeExcite

IMAGES = {"input_shape": (3, 16, 16), "num_classes": 10}


def test_outputs_are_logits_of_each_image():
    space = mobilenet(**IMAGES)
    for architecture in (space.smallest(), space.largest()):
        assert space.build(architecture)(torch.randn(2, 3, 16, 16)).shape == (2, 10)


def test_the_largest_default_subnet_has_less_than_a_million_parameters():
    space = mobilenet(**IMAGES)
    assert num_parameters(space.build(space.largest())) < 1e6


def test_a_depthwise_kernel_is_the_centre_of_the_largest_one():
    space = mobilenet(**IMAGES)
    generator = shared(space)
    largest = space.largest()
    name = "stages.1.2.depthwise.weight"
    large = generator(largest)[name]
    small = generator({**largest, "kernel_1_2": 3, "expansion_1_2": 4})[name]
    assert large.shape == (24 * 6, 1, 7, 7)
    assert_close(small, large[: 24 * 4, :, 2:5, 2:5], rtol=0, atol=0)


def test_every_channel_is_filtered_by_itself():
    space = mobilenet(**IMAGES)
    net = space.build(space.largest())
    for block in (block for stage in net.stages for block in stage):
        assert block.depthwise.groups == block.depthwise.in_channels == block.expand.out_channels


def test_strides_are_those_of_the_first_block_of_each_stage():
    space = mobilenet(**IMAGES, strides=(2, 1, 2), stem_stride=2)
    net = space.build(space.largest())
    x = net.stem(torch.randn(2, 3, 32, 32))
    sizes = [x.shape[-1], *((x := stage(x)).shape[-1] for stage in net.stages)]
    assert sizes == [16, 8, 8, 4]


def _block(residual: bool) -> InvertedResidual:
    block = InvertedResidual(
        inputs=4, hidden=8, width=4, kernel=3, stride=1,
        residual=residual, squeeze=True, activation="hardswish",
    )  # fmt: skip
    nn.init.zeros_(block.project_norm.weight)
    return block


def test_a_block_whose_last_norm_is_zero_is_its_residual():
    x = torch.randn(2, 4, 5, 5)
    assert_close(_block(residual=True)(x), x)
    assert_close(_block(residual=False)(x), torch.zeros_like(x))


def test_the_first_block_of_a_stage_has_no_residual_whatever_the_widths():
    space = mobilenet(**IMAGES, widths=[[16], [16], [16]], strides=(1, 1, 1))
    net = space.build(space.largest())
    assert [[b.residual for b in stage] for stage in net.stages] == [
        [False, True],
        [False, True, True],
        [False, True, True],
    ]


def test_squeeze_excite_multiplies_each_channel_by_a_number_of_the_whole_image():
    x = torch.rand(2, 8, 3, 3) + 1
    gates = SqueezeExcite(width=8)(x) / x
    assert_close(gates, gates[:, :, :1, :1].expand_as(gates))
    assert gates.min() >= 0
    assert gates.max() <= 1


def test_squeeze_excite_stands_only_in_the_stages_that_ask_for_it():
    space = mobilenet(**IMAGES, squeeze=(True, False, True))
    names = [name for name, _ in space.build(space.largest()).named_parameters()]
    stages = {name.split(".")[1] for name in names if ".squeeze." in name}
    assert stages == {"0", "2"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (3, 16)}, r"needs images of \(channels, height, width\)"),
        ({"kernels": [2, 3]}, r"kernels must be odd, got \[2, 3\]"),
        ({"strides": (1, 2)}, "3 widths, 3 depths, 2 strides, 3 squeeze, 3 activations"),
        ({"depths": [[0, 1]] * 3}, "depths must be 1 or more"),
        ({"activations": ["relu", "tanh", "relu"]}, r"must be of .*, got \['tanh'\]"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mobilenet(**{**IMAGES, **options})
