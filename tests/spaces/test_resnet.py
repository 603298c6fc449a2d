import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas.cost import num_parameters
from hypernas.generators import shared
from hypernas.spaces import resnet
from hypernas.spaces.resnet import BasicBlock

IMAGES = {"input_shape": (3, 16, 16), "num_classes": 10}


def test_outputs_are_logits_of_each_image():
    space = resnet(**IMAGES)
    for architecture in (space.smallest(), space.largest()):
        assert space.build(architecture)(torch.randn(2, 3, 16, 16)).shape == (2, 10)


def test_the_largest_default_subnet_has_less_than_a_million_parameters():
    space = resnet(**IMAGES)
    assert num_parameters(space.build(space.largest())) < 1e6


def test_resnet_20_for_cifar_is_a_point_of_the_default_space():
    space = resnet(**IMAGES)
    kernels = {name: 3 for name in space.choices if name.startswith("kernel")}
    # 269,722 parameters as published with identity shortcuts; the two projections have 2,752
    assert num_parameters(space.build({**space.largest(), **kernels})) == 272_474


def test_resnet_34_for_imagenet_has_its_published_number_of_parameters():
    space = resnet(
        input_shape=(3, 224, 224),
        num_classes=1000,
        widths=[[64], [128], [256], [512]],
        depths=[[3], [4], [6], [3]],
        kernels=[3],
        stem="imagenet",
    )
    with torch.device("meta"):
        assert num_parameters(space.build(space.largest())) == 21_797_672


def test_every_stage_but_the_first_halves_height_and_width():
    space = resnet(**IMAGES)
    net = space.build(space.largest())
    x = net.stem(torch.randn(2, 3, 16, 16))
    sizes = [tuple((x := stage(x)).shape[1:]) for stage in net.stages]
    assert sizes == [(16, 16, 16), (32, 8, 8), (64, 4, 4)]


def test_the_stem_of_imagenet_quarters_height_and_width():
    space = resnet(**IMAGES, stem="imagenet")
    net = space.build(space.smallest())
    assert net.pool(net.stem(torch.randn(2, 3, 64, 64))).shape[2:] == (16, 16)


def test_a_block_whose_last_norm_is_zero_is_the_rectified_shortcut():
    for project in (False, True):
        block = BasicBlock(inputs=4, width=4, kernel=3, stride=1, project=project, norm="batch")
        nn.init.zeros_(block.norm2.weight)
        x = torch.randn(2, 4, 5, 5)
        assert_close(block(x), block.shortcut(x).relu())


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
def test_other_norms_can_be_generated(norm):
    space = resnet(**IMAGES, depths=[[1], [1, 2], [1]], norm=norm)
    for architecture in (space.smallest(), space.largest()):
        shared(space).call(architecture, torch.randn(2, 3, 16, 16))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (3, 16)}, r"needs images of \(channels, height, width\)"),
        ({"kernels": [3, 4]}, r"kernels must be odd, got \[3, 4\]"),
        ({"widths": [[4], [8]]}, "need one list for each stage"),
        ({"depths": [[0, 1]] * 3}, "depths of 1 or more"),
        ({"stem": "huge"}, "stem must be cifar or imagenet, got 'huge'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        resnet(**{**IMAGES, **options})
