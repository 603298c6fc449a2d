"""Padded examples are among what the networks of a space are looked at with."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace, check, generators
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.masks import masks_of, padded


class Shared(nn.Module):
    """Heads that share keys and values; only the way with a mask asks how many heads share."""

    def __init__(self, heads: int, kept: int) -> None:
        super().__init__()
        self.e, self.kept, self.groups = nn.Embedding(9, 8), kept, heads // kept
        self.q, self.kv = nn.Linear(8, heads * 4), nn.Linear(8, kept * 8)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        x = self.e(input_ids)
        q, kv = (y.unflatten(-1, (-1, 4)).transpose(1, 2) for y in (self.q(x), self.kv(x)))
        k, v = kv.chunk(2, 1)
        if attention_mask is None or bool((attention_mask > 0).all()):
            share = q.shape[1] // k.shape[1]
            k, v, mask = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1), None
        else:
            k, v = (y.repeat_interleave(self.groups, 1) for y in (k, v))
            mask = attention_mask[:, None, None] > 0
        return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).sum(1)


def remade(heads: int) -> nn.Module:
    """A model of four heads whose queries are exchanged afterwards."""
    module = Shared(4, 2)
    module.q = nn.Linear(8, heads * 4)
    return module


TOKENS = torch.arange(12).view(3, 4) % 9
INPUTS = [
    {"input_ids": TOKENS},
    {"input_ids": TOKENS, "attention_mask": torch.ones(3, 4)},
    (TOKENS, torch.ones(3, 4, dtype=torch.bool)),
]
LAYOUTS = {"kv.*": "..."}


@pytest.mark.parametrize("inputs", INPUTS)
def test_a_network_that_fails_on_padding_alone_is_told_of_when_a_generator_is_made(inputs):
    space = SearchSpace({"heads": [2, 4]}, lambda a: remade(a["heads"]), inputs=inputs)
    assert "fails on padded examples: RuntimeError" in str(check(space))
    with pytest.warns(UserWarning, match=r"fails on padded ones(.|\n)*configuration"):
        generator = generators.shared(space)
    assert generator.call({"heads": 2}, TOKENS).shape == (3, 4, 4)


def test_a_network_that_takes_padding_is_not():
    space = SearchSpace({"heads": [2, 4]}, lambda a: Shared(a["heads"], 2), inputs=INPUTS[1])
    assert "padded examples" not in str(check(space))


def test_padded_examples_lack_their_end_their_start_and_all():
    given = Arguments(
        (torch.arange(10).view(2, 5),), {"mask": torch.tensor([[1] * 5, [1] * 4 + [0]])}
    )
    module = nn.Module()
    module.forward = lambda x, mask: x
    found = padded(given, masks_of(module, given), num=3)
    expected = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]])
    assert_close(found.keywords["mask"], expected)
    assert_close(found.positional[0], given.positional[0][[0, 1, 0]])
    left_out = Arguments((given.positional[0],), {"mask": given.keywords["mask"] == 0})
    found = padded(left_out, masks_of(module, left_out), num=3)
    assert_close(found.keywords["mask"], expected == 0)
