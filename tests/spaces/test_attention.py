"""The parts of the transformer spaces agree with torch's own layers."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas.spaces.encoder_decoder import DecoderBlock
from hypernas.spaces.transformer_block import TransformerBlock


def _copy_layer(reference: nn.Module, block: nn.Module) -> None:
    """Load what encoder and decoder layers have in common."""
    reference.self_attn.in_proj_weight.data = block.attention.qkv.weight.data
    reference.self_attn.in_proj_bias.data.copy_(torch.randn(3 * block.attention.qkv.in_features))
    block.attention.qkv.bias.data = reference.self_attn.in_proj_bias.data
    reference.self_attn.out_proj.load_state_dict(block.attention.project.state_dict())
    reference.linear1.load_state_dict(block.feed_forward.expand.state_dict())
    reference.linear2.load_state_dict(block.feed_forward.contract.state_dict())


@pytest.mark.parametrize("causal", [False, True])
def test_a_block_computes_what_the_encoder_layer_of_torch_does(causal):
    block = TransformerBlock(model_dim=12, heads=3, head_dim=4, hidden=20, causal=causal)
    reference = nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    _copy_layer(reference, block)
    x = torch.randn(2, 5, 12)
    mask = nn.Transformer.generate_square_subsequent_mask(5) if causal else None
    assert_close(block(x), reference(x, src_mask=mask, is_causal=causal))


def test_hidden_positions_of_a_mask_do_not_matter():
    block = TransformerBlock(model_dim=12, heads=3, head_dim=4, hidden=20)
    x = torch.randn(2, 5, 12)
    mask = torch.tensor([True, True, True, False, False])[None, None, None].expand(2, 1, 1, 5)
    assert_close(block(x, mask)[:, :3], block(x[:, :3]))


def test_a_decoder_block_computes_what_the_decoder_layer_of_torch_does():
    block = DecoderBlock(
        model_dim=12, memory_dim=12, self_heads=3, cross_heads=2, qkv_dim=12,
        hidden=20, attend=1, dropout=0,
    )  # fmt: skip
    reference = nn.TransformerDecoderLayer(
        12, 3, 20, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    reference.multihead_attn.num_heads, reference.multihead_attn.head_dim = 2, 6
    _copy_layer(reference, block)
    cross = block.cross_attention
    for kind in ("weight", "bias"):
        stacked = torch.cat([getattr(cross.query, kind), getattr(cross.kv, kind)])
        getattr(reference.multihead_attn, f"in_proj_{kind}").data = stacked.data
    reference.multihead_attn.out_proj.load_state_dict(cross.project.state_dict())
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    expected = reference(x, memory, tgt_mask=mask, tgt_is_causal=True)
    assert_close(block(x, [memory], None), expected)


def test_attending_to_one_layer_twice_is_attending_to_it_once():
    arguments = {
        "model_dim": 12, "memory_dim": 8, "self_heads": 3, "cross_heads": 2, "qkv_dim": 12,
        "hidden": 20, "dropout": 0.0,
    }  # fmt: skip
    once, twice = DecoderBlock(attend=1, **arguments), DecoderBlock(attend=2, **arguments)
    twice.load_state_dict(once.state_dict())
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 8)
    mask = torch.arange(7).expand(2, 1, 1, 7) < 4
    assert_close(twice(x, [memory, memory], mask), once(x, [memory], mask))
