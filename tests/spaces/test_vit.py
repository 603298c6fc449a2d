import pytest
import torch
from torch.testing import assert_close

from hypernas.cost import num_parameters
from hypernas.generators import shared
from hypernas.spaces import vit

IMAGES = {"input_shape": (3, 16, 16), "num_classes": 10}


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_outputs_are_logits_of_each_image(pool):
    space = vit(**IMAGES, pool=pool)
    for architecture in (space.smallest(), space.largest()):
        assert space.build(architecture)(torch.randn(2, 3, 16, 16)).shape == (2, 10)


def test_the_largest_default_subnet_has_less_than_a_million_parameters():
    space = vit(**IMAGES)
    assert num_parameters(space.build(space.largest())) < 1e6


def test_a_vit_of_the_size_of_deit_tiny_has_its_published_number_of_parameters():
    space = vit(
        input_shape=(3, 224, 224),
        num_classes=1000,
        patch_size=16,
        depths=[12],
        embed_dims=[192],
        heads=[3],
        head_dim=64,
        ratios=[4],
    )
    with torch.device("meta"):
        assert num_parameters(space.build(space.largest())) == 5_717_416


def test_the_heads_of_a_subnet_are_the_first_heads_of_the_largest():
    space = vit(**IMAGES)  # up to 4 heads of 16, up to 64 channels
    generator = shared(space)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.copy_(torch.randn_like(parameter))
    small = space.architecture({**space.largest(), "embed_dim": 48, "heads_1": 3})
    weights = {"large": generator(space.largest()), "small": generator(small)}
    prefix = "blocks.1.attention"
    for part in range(3):  # queries, keys, values
        for head in range(3):
            rows = {"large": (part * 4 + head) * 16, "small": (part * 3 + head) * 16}
            matrix, bias = (
                {
                    size: weights[size][f"{prefix}.qkv.{kind}"][start : start + 16]
                    for size, start in rows.items()
                }
                for kind in ("weight", "bias")
            )
            assert_close(matrix["small"], matrix["large"][:, :48], rtol=0, atol=0)
            assert_close(bias["small"], bias["large"], rtol=0, atol=0)
    project = {size: weights[size][f"{prefix}.project.weight"] for size in weights}
    assert_close(project["small"], project["large"][:48, : 3 * 16], rtol=0, atol=0)


def test_a_subnet_with_fewer_heads_is_the_largest_without_the_output_of_the_others():
    space = vit(**IMAGES)
    generator = shared(space).eval()
    largest = space.largest()
    fewer = {**largest} | {f"heads_{i}": 2 for i in range(4)}
    silenced = generator.export(largest)
    with torch.no_grad():
        for block in silenced.blocks:
            block.attention.project.weight[:, 2 * 16 :] = 0
    x = torch.randn(2, 3, 16, 16)
    assert_close(generator.call(fewer, x), silenced(x))


def test_the_class_token_stands_first_and_is_what_the_head_reads():
    space = vit(**IMAGES, depths=[1])
    net = space.build(space.largest())
    with torch.no_grad():
        for block in net.blocks:
            block.attention.project.weight.zero_()
            block.attention.project.bias.zero_()
    outputs = net(torch.randn(2, 3, 16, 16))  # without attention no patch reaches the token
    assert_close(outputs[0], outputs[1])


def test_the_mean_over_patches_does_not_depend_on_their_order_without_positions():
    space = vit(**IMAGES, pool="mean", patch_size=8)
    net = space.build(space.largest())
    net.positions.data.zero_()
    x = torch.randn(2, 3, 16, 16)
    assert_close(net(x), net(x.roll(8, dims=2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (3, 16)}, r"needs images of \(channels, height, width\)"),
        ({"patch_size": 5}, r"must divide the height and width of \(16, 16\), got 5"),
        ({"patch_size": 0}, r"must divide the height and width of \(16, 16\), got 0"),
        ({"pool": "max"}, "pool must be class or mean, got 'max'"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        vit(**{**IMAGES, **options})
