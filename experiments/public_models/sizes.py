"""Small settings for configurations of transformers, whatever their class: numbers with known kinds of names are made small."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN, INNER, HEADS, DEPTH = 32, 48, 4, 2
_PATTERNS: tuple[tuple[str, int], ...] = (
    (r"vocab_size.*|n_vocab|num_embeddings|codebook_size|.*_vocab_size", 60),
    (r"(pad)_token_id|pad_idx", 0),
    (r"(bos|cls|decoder_start)_token_id", 1),
    (r"(eos|sep)_token_id", 2),
    (r"(?:\w*_)?token_(id|index)|\w+_token_(id|index)", 55),
    (r"max_position_embeddings|n_positions|max_(source|target)_positions|n_ctx|max_seq_len|seq_length", 64),
    (r"(num|n|moe)_(hidden_|encoder_|decoder_)?layers?|n_layer|encoder_layers|decoder_layers|depth|layers|num_layers", DEPTH),
    (r"(decoder|encoder)_num_layers|num_blocks|predictor_layers|num_hidden_groups", DEPTH),
    (r"num_key_value_heads|n_head_kv|num_kv_heads|.*num_key_value_heads", 2),
    (r"(num|n|encoder|decoder)_?(attention)?_?heads?|attention_heads|(encoder|decoder)_attention_heads", HEADS),
    (r".*num_attention_heads", HEADS),
    (r"head_dim|kv_channels|d_kv|v_head_dim|qk_nope_head_dim|qk_rope_head_dim|linear_(key|value)_head_dim|mamba_d_head|dim_head", 8),
    (r"qk_head_dim", 16),
    (r"linear_num_value_heads", 4), (r"linear_num_key_heads", 2), (r"mamba_n_heads|mamba_num_heads", 8),
    (r"(q|kv|o)_lora_rank", 16), (r"index_(topk|head_dim)", 8), (r"index_n_heads", 2),
    (r".*(intermediate|ffn|feedforward|feed_forward|mlp_dim).*|d_ff|n_inner|inner_dim", INNER),
    (r"(moe|shared_expert|moe_shared_expert|expert).*intermediate.*", 24),
    (r"num_experts|num_local_experts|n_routed_experts|moe_num_experts|n_experts", 4),
    (r"num_experts_per_tok(en)?|moe_topk|moe_k|top_k_experts|moe_top_k", 2),
    (r"n_group|topk_group|n_shared_experts|mamba_n_groups|n_groups", 1), (r"first_k_dense_replace", 0),
    (r"image_size|pretrain_image_size|resolution", 32), (r"patch_size", 8),
    (r"num_mel_bins|feature_size|input_dim|input_feat_per_channel", 16),
    (r"num_conv_pos_embeddings", 8), (r"num_conv_pos_embedding_groups", 2),
    (r"hidden_size|d_model|n_embd|dim|embed_dim|embedding_size|emb_dim|d_embed|.*hidden_size|out_hidden_size|projection_dim", HIDDEN),
    (r"hidden_dim|.*projector.*size|output_dim|word_embed_proj_dim|fusion_hidden_size|.*_embed_dim|embedding_dim", HIDDEN),
    (r"num_queries", 6), (r"sliding_window|attention_chunk_size|local_attention", 8),
    (r"mamba_d_state|ssm_state_size|state_size", 8), (r"chunk_size", 8), (r"codevector_dim|proj_codevector_dim", 32),
    (r"hidden_size_per_layer_input", 8), (r"context_length|prediction_length", 16), (r"window_size", 2),
)  # fmt: skip
_LISTS: tuple[tuple[str, Any], ...] = (
    (r"depths|num_block_repeats|layers_per_block|stage_num_blocks|blocks_per_stage", 1),
    (r"num_(attention_)?heads|num_attention_heads_per_stage", 2),
    (r"hidden_sizes|embed_dims|encoder_hidden_sizes|conv_dim|tdnn_dim|embed_dim_per_stage|neck_hidden_sizes", HIDDEN),
    (r"decoder_hidden_sizes", HIDDEN),
)  # fmt: skip


def overrides(config: Any, *, widths: bool = True) -> dict[str, Any]:
    """Small values for what a configuration and those inside it have under known names.

    Args:
        widths: make widths small too, not only depths, vocabularies and images.
    """
    found: dict[str, Any] = {}
    for key, value in vars(config).items():
        if hasattr(value, "to_dict") and hasattr(value, "model_type"):
            found[key] = {"model_type": value.model_type, **overrides(value, widths=widths)}
        elif isinstance(value, int) and not isinstance(value, bool):
            small = _small(key, _PATTERNS)
            if small is not None and (widths or small not in (HIDDEN, INNER, 24, 8)):
                found[key] = small if small <= 2 else min(value, small) if value > 0 else value
        elif key == "rope_parameters" and isinstance(value, dict) and _sees(config):
            found[key] = {**value, "mrope_section": [2, 1, 1]}  # half of a head
        elif isinstance(value, list | tuple) and value and all(type(v) is int for v in value):
            small = _small(key, _LISTS)
            if small is not None and (widths or small != HIDDEN):
                found[key] = [min(v, small) for v in value]
    if "kv_lora_rank" in found and "num_key_value_heads" in found:
        found["num_key_value_heads"] = HEADS  # latent attention has a key for each query
    return found


def _sees(config: Any) -> bool:
    return bool(re.search("vl|omni|glm|ernie|qwen3_5|qwen4", config.model_type))


def _small(key: str, patterns: tuple[tuple[str, Any], ...]) -> Any:
    return next((small for text, small in patterns if re.fullmatch(text, key)), None)


KINDS: Mapping[str, str] = {
    "inner": r".*intermediate.*|.*ffn.*|d_ff|n_inner|inner_dim|mlp_dim|hidden_dim|dim_feedforward|.*mlp_ratios?",
    "heads": r".*attention_heads|n_heads?|num_heads",
    "width": r"hidden_size|d_model|n_embd|dim|embed_dim|embedding_size|hidden_sizes|embed_dims|\w*channels|.*multiplier",
}


def settings(config: Any, kind: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Paths of settings of a kind of a configuration, those of its own and of text first, and their values."""
    inside = []
    own_first = sorted(vars(config).items(), key=lambda item: not re.search("moe|expert", item[0]))
    for key, value in own_first:
        if hasattr(value, "to_dict") and hasattr(value, "model_type"):
            inside.append((key, value))
        elif re.fullmatch(KINDS[kind], key) and type(value) in (int, float, list) and value:
            yield (key,), value
    for key, value in sorted(inside, key=lambda item: "text" not in item[0]):
        for path, own in settings(value, kind):
            yield (key, *path), own
