"""What a prefix would slice wrongly is refused, with the layout to write; nothing else is."""

import ast
import re

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import shared
from hypernas.slicing import layout_of, slice_of
from hypernas.slicing.fused import cut_blocks, cut_groups
from hypernas.subnet.supernet import Supernet


class Attention(nn.Module):
    """A fused projection under a given name, and the layer that reads it."""

    def __init__(self, name: str, fused: nn.Module, read: nn.Module, **attributes: int) -> None:
        super().__init__()
        self.add_module(name, fused)
        self.project = read
        for key, value in attributes.items():
            setattr(self, key, value)


def attention(name: str, model: int, heads: int, dim: int, parts: int = 3) -> nn.Module:
    linears = nn.Linear(model, parts * heads * dim), nn.Linear(heads * dim, model)
    return nn.ModuleDict({"block": Attention(name, *linears, num_heads=heads)})


def gated(model: int, hidden: int, name: str = "first") -> nn.Module:
    linears = nn.Linear(model, 2 * hidden), nn.Linear(hidden, model)
    return nn.ModuleDict({"block": Attention(name, *linears)})


def refused(large: nn.Module, small: nn.Module, name: str) -> str:
    message = cut_groups(large, small, name) or cut_blocks(large, small, name)
    assert message is not None
    assert message.startswith(f"{name}: ")
    return message


def written(message: str) -> dict[str, str]:
    """The first layout that a message says to write."""
    return ast.literal_eval(re.search(r"layouts=(\{.*?\})", message)[1])


def by_written_layout(large: nn.Module, small: nn.Module, name: str) -> Tensor:
    """The slice of a parameter under the layout that its refusal says to write."""
    layout = layout_of(name, written(refused(large, small, name)))
    return slice_of(large, small, name, layout)(large.get_parameter(name))


@pytest.mark.parametrize(
    ("conv", "large", "small", "layout"),
    [
        (nn.Conv1d, (16, 16, 5, 4), (8, 8, 3, 4), "(groups out) in kernel"),
        (nn.Conv2d, (16, 16, 3, 4), (8, 8, 3, 4), "(groups out) in height width"),
        (nn.Conv2d, (16, 16, 3, 4), (4, 4, 3, 2), "(groups out) in height width"),
        (nn.Conv2d, (16, 16, 3, 4), (4, 4, 3, 4), "(groups out) in height width"),
        (nn.Conv3d, (4, 8, 3, 4), (4, 4, 3, 4), "(groups out) in depth height width"),
        (nn.ConvTranspose1d, (16, 8, 3, 4), (8, 8, 3, 4), "(groups in) out kernel"),
    ],
)
def test_a_convolution_whose_groups_a_prefix_would_cut_is_refused(conv, large, small, layout):
    large, small = (
        nn.ModuleDict({"block": nn.ModuleDict({"mid": conv(i, o, k, groups=g)})})
        for i, o, k, g in (large, small)
    )
    assert written(refused(large, small, "block.mid.weight")) == {"*.mid.weight": layout}


def test_the_written_layout_of_a_grouped_convolution_slices_each_group_by_itself():
    large = nn.Sequential(nn.Conv1d(12, 12, 5, groups=3))
    small = nn.Sequential(nn.Conv1d(6, 6, 3, groups=3))
    groups = large[0].weight.chunk(3)
    expected = torch.cat([group[:2, :2, 1:4] for group in groups])
    assert_close(by_written_layout(large, small, "0.weight"), expected, rtol=0, atol=0)
    biases = torch.cat([bias[:2] for bias in large[0].bias.chunk(3)])
    assert_close(by_written_layout(large, small, "0.bias"), biases, rtol=0, atol=0)


def test_a_grouped_convolution_inside_a_dense_one_is_refused_for_there_is_no_layout():
    message = refused(nn.Conv1d(8, 8, 3), nn.Conv1d(4, 4, 3, groups=2), "weight")
    assert "give the two convolutions different names" in message


@pytest.mark.parametrize(
    ("large", "small"),
    [
        (nn.Conv1d(8, 8, 5), nn.Conv1d(4, 6, 3)),  # dense
        (nn.Conv1d(8, 8, 5, groups=8), nn.Conv1d(4, 4, 3, groups=4)),  # depthwise
        (nn.Conv1d(8, 16, 3, groups=8), nn.Conv1d(4, 8, 3, groups=4)),  # two for each channel
        (nn.Conv1d(16, 16, 3, groups=4), nn.Conv1d(8, 8, 3, groups=2)),  # whole groups dropped
        (nn.Conv1d(16, 16, 3, groups=4), nn.Conv1d(3, 2, 3)),  # within the first group
        (nn.ConvTranspose1d(8, 8, 3, groups=8), nn.ConvTranspose1d(4, 4, 3, groups=4)),
    ],
)
def test_a_convolution_of_which_a_prefix_keeps_groups_whole_is_not_refused(large, small):
    for name, parameter in small.named_parameters():
        assert slice_of(large, small, name).shape == parameter.shape


@pytest.mark.parametrize(
    ("name", "parts", "layout"),
    [
        ("qkv", 3, "(three num_heads dim) model"),
        ("to_qkv", 3, "(three num_heads dim) model"),
        ("query_key_value", 3, "(three num_heads dim) model"),
        ("c_attn", 3, "(three num_heads dim) model"),
        ("to_kv", 2, "(two num_heads dim) model"),
        ("gate_up_proj", 2, "(two hidden) model"),
        ("in_proj", 3, "(three rows) model"),
        ("in_proj", 2, "(two rows) model"),
        ("fused_dense", 4, "(four rows) model"),
    ],
)
def test_a_linear_layer_whose_name_says_it_is_fused_is_refused(name, parts, layout):
    large, small = (attention(name, *sizes, parts) for sizes in ((8, 4, 6), (6, 2, 3)))
    message = refused(large, small, f"block.{name}.weight")
    assert written(message) == {f"*.{name}.weight": layout}
    bias = refused(large, small, f"block.{name}.bias")
    assert written(bias) == {f"*.{name}.bias": layout.removesuffix(" model")}


def test_the_written_layout_of_a_fused_projection_slices_each_head_of_each_part():
    large, small = attention("qkv", 8, 4, 6), attention("qkv", 6, 2, 3)
    matrix = large["block"].qkv.weight.view(3, 4, 6, 8)
    expected = matrix[:, :2, :3, :6].reshape(18, 6)
    found = by_written_layout(large, small, "block.qkv.weight")
    assert_close(found, expected, rtol=0, atol=0)
    assert '"model (num_heads dim)"' in refused(large, small, "block.qkv.weight")


@pytest.mark.parametrize("convolution", [nn.Conv1d, nn.Conv2d])
def test_a_fused_pointwise_convolution_is_refused(convolution):
    large, small = (nn.ModuleDict({"qkv": convolution(n, 3 * n, 1)}) for n in (8, 4))
    assert written(refused(large, small, "qkv.weight"))["qkv.weight"].startswith(
        "(three heads dim)"
    )


def test_a_layer_whose_outputs_are_read_in_blocks_is_refused_whatever_its_name():
    message = refused(gated(8, 12), gated(8, 6), "block.first.weight")
    assert written(message) == {"*.first.weight": "(two rows) model"}
    large, small = (
        nn.Sequential(nn.Linear(4, 2 * n), nn.GLU(), nn.Linear(n, 3), nn.ReLU()) for n in (8, 4)
    )
    matrix = large[0].weight
    expected = torch.cat([matrix[:4], matrix[8:12]])
    assert_close(by_written_layout(large, small, "0.weight"), expected, rtol=0, atol=0)
    assert slice_of(large, small, "2.weight").shape == (3, 4)


def chain(*widths: int) -> nn.Module:
    return nn.ModuleDict({"net": nn.Sequential(*map(nn.Linear, widths[:-1], widths[1:]))})


@pytest.mark.parametrize(
    ("large", "small"),
    [
        (chain(8, 24, 8), chain(4, 12, 4)),  # three times as wide
        (chain(8, 16), chain(4, 8)),
        (chain(8, 24, 5), chain(8, 12, 5)),
        (chain(16, 8, 16), chain(8, 4, 8)),  # a bottleneck
        (chain(8, 8, 24, 24), chain(4, 4, 12, 12)),
        (gated(8, 12, name="in_proj"), gated(8, 12, name="in_proj")),  # nothing shrinks
        (chain(4, 16, 8), chain(4, 8, 8)),  # the reader comes first
        *(
            (nn.ModuleDict({name: nn.Linear(6, 18)}), nn.ModuleDict({name: nn.Linear(6, 12)}))
            for name in ("in_proj", "fused", "query", "key", "value", "kvasir", "gate", "up_proj")
        ),
    ],
)
def test_ordinary_linear_layers_are_not_refused(large, small):
    for name, parameter in small.named_parameters():
        assert slice_of(large, small, name).shape == parameter.shape


def test_a_fused_layer_that_keeps_its_outputs_takes_a_prefix_of_its_inputs():
    large, small = attention("qkv", 8, 2, 3), attention("qkv", 4, 2, 3)
    assert slice_of(large, small, "block.qkv.weight").shape == (18, 4)


def test_a_layout_says_that_a_prefix_is_meant():
    large, small = attention("qkv", 8, 4, 6), attention("qkv", 6, 2, 3)
    name = "block.qkv.weight"
    where = slice_of(large, small, name, "rows model")
    assert_close(where(large.get_parameter(name)), large["block"].qkv.weight[:18, :6])


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_the_second_layer_of_a_bidirectional_network_reads_a_part_of_each_direction(kind, gates):
    large, small = (kind(5, n, num_layers=2, bidirectional=True) for n in (6, 4))
    name = "weight_ih_l1_reverse"
    matrix = large.get_parameter(name).view(gates, 6, 2, 6)
    expected = matrix[:, :4, :, :4].reshape(gates * 4, 8)
    assert_close(slice_of(large, small, name)(large.get_parameter(name)), expected)


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTMCell, 4), (nn.GRUCell, 3)])
def test_the_gates_of_recurrent_cells_are_sliced_one_by_one(kind, gates):
    large, small = kind(5, 6), kind(5, 4)
    expected = torch.cat([gate[:4, :4] for gate in large.weight_hh.chunk(gates)])
    assert_close(slice_of(large, small, "weight_hh")(large.weight_hh), expected)


class Grouped(nn.Module):
    """A grouped convolution and its norm, between dense ones."""

    def __init__(self, architecture, affine: bool = True) -> None:
        super().__init__()
        width = architecture["width"]
        self.enter = nn.Conv1d(2, width, 1)
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1, groups=2), nn.BatchNorm1d(width, affine=affine)
        )
        self.leave = nn.Conv1d(width, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.body(self.enter(x))).mean(2)


GROUPED = {
    "enter.weight": "(2 out) in kernel",
    "enter.bias": "(2 out)",
    "body.0.weight": "(groups out) in kernel",
    "body.0.bias": "(groups out)",
    "leave.weight": "out (2 in) kernel",
}
NORM = {"body.1.weight": "(2 out)", "body.1.bias": "(2 out)"}


def grouped(layouts: dict[str, str], affine: bool = True) -> SearchSpace:
    return SearchSpace({"width": [4, 8]}, lambda a: Grouped(a, affine), layouts=layouts)


def test_a_space_without_layouts_is_refused_with_every_parameter_that_needs_one():
    with pytest.raises(ValueError, match="does not fit inside the largest") as caught:
        Supernet(grouped({}))
    for name in ("body.0.weight", "body.0.bias"):
        assert f"{name}: a prefix would cut across the groups" in str(caught.value)


@pytest.mark.parametrize(
    ("affine", "norm"), [(True, NORM), (False, {"body.1.running_*": "(2 out)"})]
)
def test_the_statistics_of_a_norm_are_sliced_like_its_weight_or_by_their_own_layout(affine, norm):
    supernet = Supernet(grouped({**GROUPED, **norm}, affine))
    statistics = supernet.slices({"width": 4}).statistics
    for name in ("body.1.running_mean", "body.1.running_var"):
        assert_close(statistics[name](torch.arange(8)), torch.tensor([0, 1, 4, 5]))
    assert statistics["body.1.num_batches_tracked"].whole


def test_training_a_subnet_moves_its_own_statistics_and_no_others():
    generator = shared(grouped({**GROUPED, **NORM})).train()
    inputs = torch.randn(6, 2, 5, generator=torch.Generator().manual_seed(0))
    small = generator.export({"width": 4}).train()
    generator.call({"width": 4}, inputs)
    small(inputs)
    found = generator.statistics({"width": 8}).tensors["body.1.running_mean"]
    assert_close(found[[0, 1, 4, 5]], small.body[1].running_mean)
    assert_close(found[[2, 3, 6, 7]], torch.zeros(4), rtol=0, atol=0)
    assert generator.statistics({"width": 8}).tensors["body.1.num_batches_tracked"] == 1
