"""Encodings of Mixture-of-Supernets on HAT's space for WMT, by hand."""

import pytest
import torch
from torch.testing import assert_close

from hypernas.generators import mos_layer, shared
from hypernas.growth.subspace import subspace
from hypernas.space.encoding import Encoding
from hypernas.spaces import seq2seq
from hypernas.spaces.changes import coupled

WMT = {
    "input_shape": (8,),
    "num_classes": 12,
    "encoder_depths": [6],
    "decoder_depths": [1, 2, 3, 4, 5, 6],
    "encoder_dims": [512, 640],
    "decoder_dims": [512, 640],
    "encoder_ffn_dims": [1024, 2048, 3072],
    "decoder_ffn_dims": [1024, 2048, 3072],
    "heads": [4, 8],
    "qkv_dim": 512,
    "attend": [1, 2, 3],
}


def chosen(space) -> dict:
    values = {**space.smallest(), "decoder_depth": 2, "decoder_dim": 640}
    for i in range(6):
        values |= {f"encoder_ffn_{i}": 1024 if i < 3 else 3072, f"encoder_heads_{i}": 8 if i else 4}
    for i in range(2):
        values |= {f"decoder_ffn_{i}": 3072, f"decoder_heads_{i}": 4 + 4 * i}
        values |= {f"cross_heads_{i}": 8, f"attend_{i}": 3 - i}
    return values


def test_the_ten_means_are_divided_by_the_published_constants():
    space = seq2seq(**WMT, encoding="aggr")
    encoding = Encoding(space)
    assert encoding.dim == 10
    found = encoding(chosen(space))
    heads = (4 + 5 * 8) / 6
    by_hand = [
        512 / 640,
        6 / 6,
        2048 / 2048,
        heads / 6,
        640 / 640,
        2 / 6,
        3072 / 2048,
        6 / 6,
        8 / 6,
        2.5 / 2,
    ]
    assert_close(found, torch.tensor(by_hand))
    largest = encoding(space.largest())
    assert_close(largest, torch.tensor([1, 1, 1.5, 8 / 6, 1, 1, 1.5, 8 / 6, 8 / 6, 1.5]))


def test_each_layer_has_a_place_that_is_0_where_it_is_not_there():
    space = seq2seq(**WMT, encoding="fine")
    encoding = Encoding(space)
    assert encoding.dim == 40
    found = dict(zip(encoding.names, encoding(chosen(space)).tolist(), strict=True))
    assert found["encoder_dim"] == pytest.approx(0.8)
    assert [found[f"encoder_ffn_{i}"] for i in (0, 5)] == pytest.approx([1 / 3, 1])
    assert [found[f"attend_{i}"] for i in range(6)] == [1.5, 1.0, 0, 0, 0, 0]
    assert [found[f"cross_heads_{i}"] for i in range(3)] == [1, 1, 0]


def test_generators_read_the_features_that_a_space_brings():
    small = {"input_shape": (8,), "num_classes": 12, "decoder_dims": [8, 16], "qkv_dim": 16}
    spaces = {name: seq2seq(**small, encoding=name) for name in ("aggr", "fine", None)}
    dims = {name: Encoding(space).dim for name, space in spaces.items()}
    assert dims["aggr"] == 10
    assert dims["fine"] != dims[None]
    generator = mos_layer(spaces["aggr"], num_experts=2).eval()
    one, other = chosen_swapped(spaces["aggr"])
    assert torch.equal(Encoding(spaces["aggr"])(one), Encoding(spaces["aggr"])(other))
    assert not torch.equal(Encoding(spaces["fine"])(one), Encoding(spaces["fine"])(other))
    # where the slices are of one size, routers that read equal means write equal weights
    weights = [generator(a)["decoder.0.feed_forward.expand.weight"] for a in (one, other)]
    assert torch.equal(*weights)
    fine = mos_layer(spaces["fine"], num_experts=2).eval()
    weights = [fine(a)["decoder.0.feed_forward.expand.weight"] for a in (one, other)]
    assert not torch.equal(*weights)


def chosen_swapped(space) -> tuple[dict, dict]:
    """Two architectures of equal means."""
    one = dict(space.largest())
    one |= {"encoder_ffn_0": 96, "encoder_ffn_1": 192}
    return one, {**one, "encoder_ffn_0": 192, "encoder_ffn_1": 96}


def test_features_go_where_the_choices_go():
    space = seq2seq(**{**WMT, "encoding": "aggr"})
    architecture = space.architecture(chosen(space))
    assert_close(
        Encoding(subspace(space, architecture))(architecture), Encoding(space)(architecture)
    )
    led = coupled(space, followers={"decoder_depth": ["decoder_ffn_*"]})
    assert led.features is None
    with pytest.raises(ValueError, match="encoding must be one of"):
        seq2seq(**{**WMT, "encoding": "coarse"})


def test_features_of_other_names_for_another_architecture_are_refused():
    space = seq2seq(input_shape=(8,), num_classes=12)
    space.features = lambda architecture: {f"depth {architecture['decoder_depth']}": 1.0}
    encoding = Encoding(space)
    with pytest.raises(ValueError, match="expected features of the names"):
        encoding(space.smallest())
    assert shared(seq2seq(input_shape=(8,), num_classes=12)).space.features is None
