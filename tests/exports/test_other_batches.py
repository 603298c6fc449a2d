"""Programs are compared with the generator on batches that they were not made from."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hypernas import SearchSpace, generators
from hypernas.exports import ExportError, export_file
from hypernas.exports.difference import differences
from hypernas.exports.onnx import ONNX
from hypernas.exports.probe import probes
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors


class Recurrent(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(4, width)  # time first

    def forward(self, x):
        return self.rnn(x)[0]


def test_recurrent_layers_over_time_of_which_torch_fixes_the_length_are_refused_however_often(
    tmp_path,
):
    """Over time torch fixes the length of the example: in the first file of a process inside, then outside."""
    inputs = torch.randn(5, 3, 4)

    def build(architecture):
        return Recurrent(architecture["width"])

    over_time = generators.shared(SearchSpace({"width": [6, 8]}, build, inputs=inputs))
    for i, width in enumerate((6, 8)):
        path = tmp_path / f"{i}.onnx"
        with pytest.raises(ExportError, match=r"was not written(.|\n)*batch"):
            export_file(over_time, {"width": width}, path, inputs=inputs)
        assert not path.exists()


class Grouped(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(2, width, 1), nn.GroupNorm(2, width)

    def forward(self, x):
        return self.norm(self.conv(x))


def test_group_norm_in_onnx_is_exact_far_from_zero(tmp_path):
    module, x = Grouped(6).eval(), 3_000 + torch.randn(4, 2, 9)
    given = Arguments((x,))
    with torch.no_grad():
        ONNX().write(module, given, module(x), tmp_path / "a.onnx")
        (found,) = ONNX().run(tmp_path / "a.onnx", given)
        exact = module.double()(x.double())
        rounding = (module.float()(x) - exact).abs().max()
    assert (found - exact).abs().max() <= 4 * rounding  # hundreds of times that from opset 21 on


class Masked(nn.Module):
    """Causal attention to what a mask leaves; padding on the left leaves its first rows nothing to see."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(4, 3 * width)

    def forward(self, x, mask):
        q, k, v = (part[:, None] for part in self.qkv(x).chunk(3, -1))
        causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        seen = (mask[:, None, None] > 0) & causal
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen)[:, 0]


def test_programs_are_compared_on_padded_examples_and_told_apart_where_all_is_padding(tmp_path):
    layouts = {"qkv.weight": "(three rows) columns", "qkv.bias": "(three rows)"}
    given = {"x": torch.randn(4, 6, 4), "mask": torch.ones(4, 6)}
    choices = {"width": [4, 8]}
    space = SearchSpace(choices, lambda a: Masked(a["width"]), layouts=layouts, inputs=given)
    generator = generators.shared(space)
    written = export_file(generator, {"width": 4}, tmp_path / "a.onnx", inputs=given)
    assert written.difference <= 1e-6
    assert (
        written.padded > 1e-2
    )  # zeros where torch sees nothing, a mean of all values in onnxruntime
    exact = export_file(generator, {"width": 4}, tmp_path / "a.pt2", inputs=given)
    assert exact.padded == 0.0


def unsound(x, mask):
    """Means over what is present, that of its neighbour where an example's start is padded."""
    means = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.where(mask[:, :1] < 1, means.roll(1, 0), means)


def test_a_wrong_result_for_what_is_present_counts():
    given = Arguments((), {"x": torch.randn(4, 6, 3), "mask": torch.ones(4, 6)})
    found = {}
    for probe in probes(Masked(4), given):
        x, mask = (map_tensors(lambda t: t, probe.arguments.keywords[n]) for n in ("x", "mask"))
        right = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        both = (map_tensors(probe.counted, y) for y in (unsound(x, mask), right))
        found[probe.of] = differences(*both)["outputs"]
    assert found["a batch of 5"] == 0
    assert found["a padded batch"] > 0.01
    assert math.isnan(found["padding alone"])
