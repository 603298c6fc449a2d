"""Layers whose tensors are looked up once compute what they do, and those that do more stay as they are."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.testing import assert_close

from hypernas.decoding import translate
from hypernas.spaces import seq2seq
from hypernas.spaces.bound import bound


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(6, 4), nn.Linear(6, 4, bias=False), nn.LayerNorm(6, eps=0.5), weight_norm(nn.Linear(6, 4)), nn.GELU()],
    ids=["linear", "without a bias", "norm", "parametrized", "another"],
)  # fmt: skip
def test_a_bound_layer_computes_what_it_does(layer):
    x = torch.randn(3, 6)
    assert_close(bound(layer)(x), layer(x), rtol=0, atol=0)


def test_hooks_of_layers_are_called_while_symbols_are_written():
    space = seq2seq(input_shape=(8,), num_classes=9)
    model = space.build(space.smallest()).eval()
    called = []
    for layer in (model.decoder[0].feed_forward.expand, model.decoder_norm):
        layer.register_forward_hook(lambda *_: called.append(1))
    translate(model, torch.tensor([[4, 5]]), start=1, end=0, longest=1)
    assert len(called) == 2
