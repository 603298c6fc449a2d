"""Masks as bits, and as codes of about their entropy."""

import math

import pytest
import torch

from hypernas.masks import Packed


@pytest.mark.parametrize("density", [0.0, 0.001, 0.02, 0.1, 0.5, 0.9, 1.0])
def test_bits_and_codes_give_the_mask_back(density):
    mask = torch.rand(37, 29, generator=torch.Generator().manual_seed(0)) < density
    packed = Packed.of(mask)
    assert torch.equal(packed.mask(), mask)
    assert len(packed.bits) == -(-37 * 29 // 8)
    assert Packed.decoded(packed.code, (37, 29)) == packed


@pytest.mark.parametrize("density", [0.02, 0.1, 0.5])
def test_a_code_is_within_two_percent_of_the_entropy(density):
    mask = torch.rand(400, 500, generator=torch.Generator().manual_seed(1)) < density
    share = float(mask.float().mean())
    entropy = -sum(p * math.log2(p) for p in (share, 1 - share)) * mask.numel() / 8
    assert entropy < len(Packed.of(mask).code) < 1.02 * entropy + 16


def test_a_code_of_something_else_is_refused():
    code = Packed.of(torch.ones(9, 9).tril()).code
    for wrong in (b"", code[:5], code):
        with pytest.raises(ValueError, match="no code of a mask"):
            Packed.decoded(wrong, (2, 2))
