import itertools

import pytest
import torch
from torch import nn

from hypernas.slicing import Layout, centre, layout_of, prefix, slice_of


class Named(nn.Module):
    """One parameter `weight`, and integers for layouts to find."""

    def __init__(self, *shape: int, **attributes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape))
        for name, value in attributes.items():
            setattr(self, name, value)


def counted(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel()).view(shape)


def test_without_a_layout_every_axis_takes_its_prefix():
    where = slice_of(nn.Linear(5, 7), nn.Linear(3, 4), "weight")
    assert where.shape == (4, 3)
    torch.testing.assert_close(where(counted(7, 5)), counted(7, 5)[:4, :3])


def test_leading_axes_are_kept():
    large = counted(2, 3, 7, 5)
    torch.testing.assert_close(prefix((7, 5), (4, 3))(large), large[..., :4, :3])


@pytest.mark.parametrize("convolution", [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d])
def test_kernels_take_their_centre(convolution):
    large, small = convolution(2, 2, 7), convolution(2, 2, 3)
    where = slice_of(large, small, "weight")
    weight = large.weight
    for axis in range(2, weight.dim()):
        weight = weight.narrow(axis, 2, 3)
    torch.testing.assert_close(where(large.weight), weight, rtol=0, atol=0)


@pytest.mark.parametrize(("size", "part", "first"), [(5, 2, 1), (4, 3, 0), (7, 4, 1), (6, 1, 2)])
def test_of_two_middles_a_kernel_of_another_parity_takes_the_first(size, part, first):
    assert centre(size, part) == slice(first, first + part)
    for convolution in (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d):
        where = slice_of(convolution(1, 1, size), convolution(1, 1, part), "weight")
        assert [axis.taken for axis in where.axes[2:]] == [(slice(first, first + part),)] * (
            len(where.axes) - 2
        )


def test_a_centred_factor_of_another_parity_takes_the_first_middle():
    layout = Layout("(blocks width)", {"blocks": 2}, centre=("width",))
    where = slice_of(Named(10), Named(4), "weight", layout)
    assert where(counted(10)).tolist() == [1, 2, 6, 7]


def test_factors_of_a_kernel_that_a_layout_names_take_their_start_unless_told():
    large, small = nn.Conv1d(1, 1, 8), nn.Conv1d(1, 1, 4)
    where = slice_of(large, small, "weight", Layout("out in (two half)"))
    assert where(counted(1, 1, 8)).flatten().tolist() == [0, 1, 4, 5]
    centred = slice_of(large, small, "weight", Layout("out in (two half)", centre=("half",)))
    assert centred(counted(1, 1, 8)).flatten().tolist() == [1, 2, 5, 6]


def test_the_direction_of_a_weight_normed_kernel_takes_its_centre_as_the_kernel_does():
    large, small = nn.Conv1d(2, 2, 7), nn.Conv1d(2, 2, 3)
    for conv in (large, small):  # as `torch.nn.utils.weight_norm` names it
        conv.register_parameter("weight_v", nn.Parameter(conv.weight.detach().clone()))
    assert slice_of(large, small, "weight_v") == slice_of(large, small, "weight")


def test_a_flag_of_a_module_is_no_size_of_a_factor():
    large, small = Named(8, flag=True), Named(4, flag=True)
    with pytest.raises(ValueError, match="does not tell the factors"):
        slice_of(large, small, "weight", "(flag rest other)")
    where = slice_of(large, small, "weight", Layout("(flag rest)", {"rest": 4}))
    assert where.shape == (4,)


@pytest.mark.parametrize("layer", [1, 2])
def test_later_layers_that_read_both_directions_take_a_part_of_each(layer):
    large, small = (
        nn.LSTM(3, hidden, num_layers=3, bidirectional=True, bias=False) for hidden in (4, 2)
    )
    where = slice_of(large, small, f"weight_ih_l{layer}")
    columns = where.along(1, torch.arange(8))
    assert columns.tolist() == [0, 1, 4, 5]  # of the forward direction, of the backward one


def test_depthwise_kernels_take_a_prefix_of_channels_and_the_centre_of_space():
    where = slice_of(nn.Conv1d(6, 6, 5, groups=6), nn.Conv1d(4, 4, 3, groups=4), "weight")
    torch.testing.assert_close(where(counted(6, 1, 5)), counted(6, 1, 5)[:4, :, 1:4])


def test_a_slice_of_the_whole_is_the_tensor_itself():
    where = slice_of(nn.Linear(3, 4), nn.Linear(3, 4), "weight")
    large = torch.ones(2, 4, 3)
    assert where.whole
    assert where(large) is large


def test_a_prefix_is_a_view():
    large = torch.zeros(4, 4)
    prefix((4, 4), (2, 2))(large).fill_(1)
    assert large.sum() == 4


def test_slicing_a_vector_along_an_axis_agrees_with_slicing_the_tensor():
    large, small = Named(24, 5), Named(9, 2)
    where = slice_of(large, small, "weight", Layout("(three heads dim) model", {"three": 3}),
                     architectures=({"heads": 2}, {"heads": 1}))  # fmt: skip
    rows = torch.arange(24.0)
    torch.testing.assert_close(where.along(0, rows), where(rows[:, None].expand(24, 5))[:, 0])
    columns = torch.arange(5.0)
    torch.testing.assert_close(where.along(1, columns), where(columns.expand(24, 5))[0])


def test_a_layout_slices_every_factor_by_itself():
    large, small = Named(3 * 4 * 5, 6, heads=4), Named(3 * 2 * 3, 4, heads=2)
    where = slice_of(large, small, "weight", "(three heads dim) model")
    expected = [
        large.weight[(part * 4 + head) * 5 + d, :4]
        for part, head, d in itertools.product(range(3), range(2), range(3))
    ]
    torch.testing.assert_close(where(large.weight), torch.stack(expected))


def test_fused_attention_with_sliced_weights_equals_separate_sliced_projections():
    large, small = Named(3 * 2 * 4, 8), Named(3 * 1 * 3, 6)
    where = slice_of(large, small, "weight", "(3 heads dim) model",
                     architectures=({"heads": 2}, {"heads": 1}))  # fmt: skip
    x = torch.randn(5, 6)
    separate = [block.view(2, 4, 8)[:1, :3, :6].reshape(3, 6) for block in large.weight.chunk(3)]
    for fused, own in zip((x @ where(large.weight).T).chunk(3, dim=-1), separate, strict=True):
        torch.testing.assert_close(fused, x @ own.T)


@pytest.mark.parametrize(
    "pattern", ["(2 rest) columns", "(two rest) columns", "(groups rest) columns"]
)
def test_a_factor_is_a_number_a_word_or_an_attribute(pattern):
    where = slice_of(Named(8, 3, groups=2), Named(4, 3, groups=2), "weight", pattern)
    torch.testing.assert_close(where(counted(8, 3)), counted(8, 3)[[0, 1, 4, 5]])


def test_a_factor_is_found_in_a_module_around_the_owner():
    large, small = Named(1, heads=2), Named(1, heads=1)
    large.inner, small.inner = nn.Linear(3, 8), nn.Linear(3, 2)
    where = slice_of(large, small, "inner.weight", "(heads dim) model")
    torch.testing.assert_close(where(counted(8, 3)), counted(8, 3)[:2])


def test_the_architecture_goes_before_attributes_and_sizes_before_both():
    large, small = Named(12, heads=3), Named(4, heads=1)
    architectures = ({"heads": 2}, {"heads": 2})
    by_choice = slice_of(large, small, "weight", "(heads dim)", architectures=architectures)
    torch.testing.assert_close(by_choice(counted(12)), torch.tensor([0, 1, 6, 7]))
    layout = Layout("(heads dim)", {"heads": 4})
    by_size = slice_of(large, small, "weight", layout, architectures=architectures)
    torch.testing.assert_close(by_size(counted(12)), torch.tensor([0, 3, 6, 9]))


def test_a_centred_factor_takes_its_middle():
    layout = Layout("(blocks width) model", {"blocks": 2}, centre=("width",))
    where = slice_of(Named(10, 3), Named(6, 3), "weight", layout)
    torch.testing.assert_close(where(counted(10, 3)), counted(10, 3)[[1, 2, 3, 6, 7, 8]])


@pytest.mark.parametrize(
    ("module", "name", "blocks"),
    [
        (lambda n: nn.MultiheadAttention(n, 1), "in_proj_weight", 3),
        (lambda n: nn.MultiheadAttention(n, 1), "in_proj_bias", 3),
        (lambda n: nn.LSTM(n, n), "weight_hh_l0", 4),
        (lambda n: nn.GRU(n, n), "bias_ih_l0", 3),
    ],
)
def test_the_matrices_that_torch_stacks_are_sliced_one_by_one(module, name, blocks):
    large, small = module(6), module(4)
    stacked = large.get_parameter(name)
    parts = [part[(slice(0, 4),) * stacked.dim()] for part in stacked.chunk(blocks)]
    where = slice_of(large, small, name)
    torch.testing.assert_close(where(stacked), torch.cat(parts))


def test_a_parameter_larger_than_the_largest_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"weight: \(4, 6\) does not fit inside \(7, 5\)"):
        slice_of(nn.Linear(5, 7), nn.Linear(6, 4), "weight")
    with pytest.raises(ValueError, match="does not fit inside"):
        slice_of(Named(4, 4), Named(4), "weight")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a b) model", "does not tell the factors of an axis of 8"),
        ("(3 dim) model", "does not tell the factors of an axis of 8"),
        ("rows", "must name 2 axes"),
        ("(rows columns", "cannot be read"),
        ("() columns", "cannot be read"),
    ],
)
def test_a_layout_that_does_not_describe_the_parameter_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        slice_of(Named(8, 3), Named(4, 3), "weight", pattern)


def test_a_layout_is_chosen_by_pattern_and_two_that_match_are_refused():
    layouts = {"*.qkv.weight": "a", "*.bias": "b"}
    assert layout_of("blocks.0.qkv.weight", layouts) == "a"
    assert layout_of("head.weight", layouts) is None
    with pytest.raises(ValueError, match=r"qkv\.bias matches the layouts"):
        layout_of("x.qkv.bias", {**layouts, "*qkv*": "c"})
