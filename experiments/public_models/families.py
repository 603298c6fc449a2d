"""Mixture-of-experts language models of transformers: a loop over its auto classes, each as small as its settings allow."""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import transformers as hf
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from hypernas import SearchSpace

IDS = torch.randint(4, 50, (4, 6), generator=torch.Generator().manual_seed(0))
MORE = torch.randint(4, 50, (16, 64), generator=torch.Generator().manual_seed(0))
INPUTS = {"input_ids": IDS, "use_cache": False}
WIDTH, FEWER = 24, 12  # of an expert: no other size of the networks is one of these, or its double
HIDDEN, EXPERTS = 32, 4
LARGEST = 3_000_000  # parameters
NUMBERS = "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"
WIDTHS = (
    "moe_intermediate_size",
    "expert_ffn_hidden_size",
    "expert_intermediate_size",
    "intermediate_size",
)
_SMALL: Mapping[str, Any] = {
    "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "hidden_size": HIDDEN,
    "num_hidden_layers": 2, "num_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 64, "num_experts_per_tok": 2, "num_experts_per_token": 2, "moe_topk": 2, "moe_k": 2,
    "top_k_experts": 2, "intermediate_size": 40, "intermediate_size_mlp": 40, "ffn_hidden_size": 40,
    "shared_expert_intermediate_size": 20, "moe_shared_expert_intermediate_size": 20,
    "shared_intermediate_size": 20, "n_shared_experts": 1, "n_group": 1, "topk_group": 1, "q_lora_rank": 16,
    "kv_lora_rank": 16, "o_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "first_k_dense_replace": 0, "num_dense_layers": 0, "moe_layer_start_index": 0, "sliding_window": 8,
    "kv_channels": 8, "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
    "linear_value_head_dim": 8, "index_topk": 4, "index_head_dim": 8, "index_n_heads": 2, "mamba_d_state": 8,
    "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_dt_rank": 4, "mamba_n_groups": 1, "mamba_num_heads": 4,
    "mamba_head_dim": 16, "ssm_state_size": 8, "n_groups": 1, "attention_chunk_size": 8, "is_moe": True,
    "enable_moe_block": True, "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 50,
}  # fmt: skip
_OWN: Mapping[str, Mapping[str, Any]] = {
    "jamba": {"use_mamba_kernels": False, "expert_layer_period": 1, "expert_layer_offset": 0},
    "beam": {"mlp_layer_types": ["sparse", "sparse"]},
    "deepseek_v4": {"mlp_layer_types": ["moe", "moe"]},
    "doge": {"num_experts_per_tok": 1},
    "flint": {"mlp_only_layers": []},
    "lfm2_moe": {"layer_types": ["full_attention", "conv"]},
    "llama4_text": {"interleave_moe_layer_step": 1},
    "zaya": {"num_experts_per_tok": 1},
}


def families() -> Iterator[tuple[str, str]]:
    """Families with a class of experts in the file of their model, and the names of these models."""
    seen = set()
    for family, kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items():
        source = inspect.getsource(importlib.import_module(getattr(hf, kind).__module__))
        if kind not in seen and re.search(r"^class \w*(Experts|MoE|Moe)\(", source, re.MULTILINE):
            seen.add(kind)
            yield family, kind


def spaces_of(family: str, kind: str) -> tuple[SearchSpace, SearchSpace]:
    """The width of the experts of a family as a choice, and their number.

    Raises:
        ValueError: if its configuration has no such settings, is not small, or has no experts where they are small.
    """
    model = getattr(hf, kind)
    known = _settings(model.config_class)
    number, width = (next((n for n in names if n in known), None) for names in (NUMBERS, WIDTHS))
    if number is None or width is None:
        raise ValueError("no setting of a known name for the number or the width of experts")
    given = {**{k: v for k, v in _SMALL.items() if k in known}, **_OWN.get(family, {})}
    given = {k: v for k, v in given.items() if model.config_class.attribute_map.get(k) != width}
    if "kv_lora_rank" in known:  # latent attention has a key for each query
        given["num_key_value_heads"] = given["num_attention_heads"]
    given |= {number: EXPERTS, width: WIDTH}

    def build(architecture: Mapping[str, Any]) -> nn.Module:
        return model(model.config_class(**{**given, **architecture}))

    with torch.device("meta"):
        sizes = [_size(build(fewer)) for fewer in ({}, {width: FEWER}, {number: EXPERTS // 2})]
    if sizes[0] > LARGEST:
        raise ValueError(f"{sizes[0]:,} parameters under small settings")
    if sizes[0] in sizes[1:]:
        raise ValueError(f"{number} or {width} changes nothing")
    choices = {width: [FEWER, WIDTH]}, {number: [EXPERTS // 2, EXPERTS]}
    first, second = (SearchSpace(choice, build, inputs=INPUTS) for choice in choices)
    return first, second


def _settings(config: type) -> set[str]:
    """Names that a configuration takes, its other names for some of them too."""
    names = set(inspect.signature(config).parameters)
    return names | {other for other, name in config.attribute_map.items() if name in names}


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
