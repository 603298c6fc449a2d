"""Public models from small random configurations, and what of each is chosen."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers as hf
from torch import nn

warnings.simplefilter("ignore")
hf.logging.set_verbosity_error()

_RNG = torch.Generator().manual_seed(0)
TOKENS = torch.randint(4, 50, (4, 6), generator=_RNG)
IMAGES = torch.randn(4, 3, 32, 32, generator=_RNG)
SOUNDS = torch.randn(4, 20, 64, generator=_RNG)
WAVES = torch.randn(4, 800, generator=_RNG)
TEXT = {"input_ids": TOKENS}
CAUSAL = {"input_ids": TOKENS, "use_cache": False}
PAIRS = {"input_ids": TOKENS, "decoder_input_ids": TOKENS.flip(1), "use_cache": False}
PICTURES = {"pixel_values": IMAGES}

_WORDS = {"vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_ENCODER = {"vocab_size": 50, "pad_token_id": 0, **_SMALL}
_DECODER = {**_WORDS, **_SMALL, "num_key_value_heads": 2, "head_dim": 8}
_VISION = {**_SMALL, "image_size": 32, "patch_size": 8}

_WIDTH = {"hidden_size": [16, 32]}
_INNER = {"intermediate_size": [32, 64]}
_LAYERS = {"num_hidden_layers": [1, 2]}


@dataclass(frozen=True)
class Model:
    """A model's builder: settings -> module, and the choices among its settings.

    Attributes:
        settings: architecture -> settings, where choices are not settings by themselves.
    """

    name: str
    make: Callable[..., nn.Module]
    choices: Mapping[str, list[Any]]
    inputs: Any
    fixed: Mapping[str, Any] = field(default_factory=dict)
    settings: Callable[[Mapping[str, Any]], dict[str, Any]] = dict

    def build(self, architecture: Mapping[str, Any]) -> nn.Module:
        return self.make(**{**self.fixed, **self.settings(architecture)})


def _hf(model: str, config: str) -> Callable[..., nn.Module]:
    return lambda **settings: getattr(hf, model)(getattr(hf, config)(**settings))


def _causal(name: str, kind: str) -> list[Model]:
    make = _hf(f"{kind}ForCausalLM", f"{kind}Config")
    return [
        Model(
            f"{name}: heads",
            make,
            {"num_attention_heads": [4, 8], **_INNER, **_LAYERS},
            CAUSAL,
            _DECODER,
        ),
        Model(f"{name}: width", make, {**_WIDTH, **_INNER}, CAUSAL, _DECODER),
        Model(f"{name}: head dim", make, {"head_dim": [4, 8]}, CAUSAL, _DECODER),
    ]


def _stages(architecture: Mapping[str, Any]) -> dict[str, Any]:
    width, depth = architecture["width"], architecture["depth"]
    return {"embedding_size": width, "hidden_sizes": [2 * width, 4 * width], "depths": [depth] * 2}


def _convnext(architecture: Mapping[str, Any]) -> dict[str, Any]:
    width, depth = architecture["width"], architecture["depth"]
    return {"hidden_sizes": [width, 2 * width], "depths": [depth] * 2}


def _mamba2(architecture: Mapping[str, Any]) -> dict[str, Any]:
    width = architecture["hidden_size"]
    return {"hidden_size": width, "num_heads": 2 * width // 8}


class _Encoder(nn.Module):
    """torch's own transformer layers between an embedding and a head."""

    def __init__(self, width: int, inner: int, depth: int, *, norm_first: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, width)
        layer = nn.TransformerEncoderLayer(width, 4, inner, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 5)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embed(input_ids)))


class _Recurrent(nn.Module):
    """A bidirectional recurrent network of torch, and a layer that reads both directions."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.rnn = getattr(nn, kind)(8, width, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, 5)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(self.embed(input_ids))[0])


_TORCH = {"width": [16, 32], "inner": [32, 64], "depth": [1, 2]}

MODELS = [
    Model(
        "GPT-2: width",
        _hf("GPT2LMHeadModel", "GPT2Config"),
        {"n_embd": [16, 32], "n_inner": [32, 64], "n_layer": [1, 2]},
        CAUSAL,
        {**_WORDS, "n_positions": 32, "n_head": 4},
    ),
    Model(
        "GPT-2: heads, width the same",
        _hf("GPT2LMHeadModel", "GPT2Config"),
        {"n_head": [2, 4]},
        CAUSAL,
        {**_WORDS, "n_positions": 32, "n_embd": 32, "n_layer": 2},
    ),
    *_causal("Llama", "Llama"),
    *_causal("Qwen3", "Qwen3"),
    *_causal("Mistral", "Mistral"),
    *_causal("Gemma 2", "Gemma2"),
    Model(
        "Phi-3: heads",
        _hf("Phi3ForCausalLM", "Phi3Config"),
        {"num_attention_heads": [2, 4], **_INNER, **_LAYERS},
        CAUSAL,
        {key: v for key, v in _DECODER.items() if key != "head_dim"} | {"head_dim": 8},
    ),
    Model(
        "GPT-NeoX: width",
        _hf("GPTNeoXForCausalLM", "GPTNeoXConfig"),
        {**_WIDTH, **_INNER, **_LAYERS},
        CAUSAL,
        {**_WORDS, **_SMALL},
    ),
    Model(
        "Bloom: width",
        _hf("BloomForCausalLM", "BloomConfig"),
        {**_WIDTH, "n_layer": [1, 2]},
        CAUSAL,
        {**_WORDS, "n_head": 4},
    ),
    Model(
        "Falcon, multi-query: width",
        _hf("FalconForCausalLM", "FalconConfig"),
        {**_WIDTH, **_LAYERS},
        CAUSAL,
        {
            **_WORDS,
            "num_attention_heads": 4,
            "multi_query": True,
            "new_decoder_architecture": False,
        },
    ),
    Model(
        "Mixtral: experts",
        _hf("MixtralForCausalLM", "MixtralConfig"),
        {"num_local_experts": [2, 4], **_INNER, **_LAYERS},
        CAUSAL,
        {**_DECODER, "num_experts_per_tok": 2},
    ),
    Model(
        "Qwen2-MoE: experts",
        _hf("Qwen2MoeForCausalLM", "Qwen2MoeConfig"),
        {"num_experts": [2, 4], "moe_intermediate_size": [16, 32], **_LAYERS},
        CAUSAL,
        {**_DECODER, "num_experts_per_tok": 2, "shared_expert_intermediate_size": 32},
    ),
    Model(
        "Mamba: width",
        _hf("MambaForCausalLM", "MambaConfig"),
        {**_WIDTH, **_LAYERS},
        CAUSAL,
        {**_WORDS, "state_size": 4, "time_step_rank": 4},
    ),
    Model(
        "Mamba-2: width",
        _hf("Mamba2ForCausalLM", "Mamba2Config"),
        _WIDTH,
        CAUSAL,
        {
            **_WORDS,
            "state_size": 8,
            "num_hidden_layers": 2,
            "n_groups": 1,
            "chunk_size": 4,
            "expand": 2,
            "head_dim": 8,
        },
        _mamba2,
    ),
    Model("BERT", _hf("BertModel", "BertConfig"), {**_WIDTH, **_INNER, **_LAYERS}, TEXT, _ENCODER),
    Model(
        "RoBERTa",
        _hf("RobertaForMaskedLM", "RobertaConfig"),
        {**_WIDTH, **_INNER, **_LAYERS},
        TEXT,
        _ENCODER,
    ),
    Model(
        "DeBERTa-v2",
        _hf("DebertaV2Model", "DebertaV2Config"),
        {**_WIDTH, **_INNER, **_LAYERS},
        TEXT,
        {**_ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    ),
    Model(
        "DistilBERT",
        _hf("DistilBertForMaskedLM", "DistilBertConfig"),
        {"dim": [16, 32], "hidden_dim": [32, 64], "n_layers": [1, 2]},
        TEXT,
        {"vocab_size": 50, "n_heads": 4},
    ),
    Model(
        "ALBERT",
        _hf("AlbertModel", "AlbertConfig"),
        {**_WIDTH, **_INNER, **_LAYERS},
        TEXT,
        {**_ENCODER, "embedding_size": 16},
    ),
    Model(
        "ELECTRA",
        _hf("ElectraModel", "ElectraConfig"),
        {**_WIDTH, **_INNER},
        TEXT,
        {**_ENCODER, "embedding_size": 16},
    ),
    Model(
        "CLIP, text",
        _hf("CLIPTextModel", "CLIPTextConfig"),
        {**_WIDTH, **_INNER},
        TEXT,
        {**_WORDS, **_SMALL, "max_position_embeddings": 32},
    ),
    Model(
        "T5",
        _hf("T5ForConditionalGeneration", "T5Config"),
        {"num_heads": [2, 4], "d_ff": [32, 64], "num_layers": [1, 2], "d_model": [16, 32]},
        PAIRS,
        {"vocab_size": 50, "d_kv": 8, "decoder_start_token_id": 0},
    ),
    Model(
        "BART",
        _hf("BartForConditionalGeneration", "BartConfig"),
        {
            "d_model": [16, 32],
            "encoder_ffn_dim": [32, 64],
            "decoder_layers": [1, 2],
            "encoder_layers": [1, 2],
        },
        PAIRS,
        {
            **_WORDS,
            "decoder_start_token_id": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": 32,
        },
    ),
    Model(
        "Whisper",
        _hf("WhisperModel", "WhisperConfig"),
        {
            "d_model": [16, 32],
            "encoder_ffn_dim": [32, 64],
            "encoder_layers": [1, 2],
            "decoder_layers": [1, 2],
        },
        {"input_features": SOUNDS, "decoder_input_ids": TOKENS, "use_cache": False},
        {
            **_WORDS,
            "num_mel_bins": 20,
            "max_source_positions": 32,
            "max_target_positions": 32,
            "decoder_start_token_id": 1,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 64,
        },
    ),
    Model(
        "wav2vec 2.0",
        _hf("Wav2Vec2Model", "Wav2Vec2Config"),
        {**_WIDTH, **_INNER, **_LAYERS},
        {"input_values": WAVES},
        {
            "num_attention_heads": 4,
            "conv_dim": (16, 16),
            "conv_stride": (5, 2),
            "conv_kernel": (10, 3),
            "num_conv_pos_embeddings": 8,
            "num_conv_pos_embedding_groups": 4,
        },
    ),
    Model(
        "ViT",
        _hf("ViTForImageClassification", "ViTConfig"),
        {**_WIDTH, **_INNER, **_LAYERS},
        PICTURES,
        _VISION,
    ),
    Model(
        "DeiT",
        _hf("DeiTForImageClassification", "DeiTConfig"),
        {**_WIDTH, **_INNER, **_LAYERS},
        PICTURES,
        _VISION,
    ),
    Model(
        "BEiT",
        _hf("BeitForImageClassification", "BeitConfig"),
        {**_WIDTH, **_INNER, **_LAYERS},
        PICTURES,
        _VISION,
    ),
    Model(
        "DINOv2",
        _hf("Dinov2ForImageClassification", "Dinov2Config"),
        {**_WIDTH, "mlp_ratio": [2, 4], **_LAYERS},
        PICTURES,
        _VISION,
    ),
    Model(
        "Swin",
        _hf("SwinForImageClassification", "SwinConfig"),
        {"embed_dim": [8, 16]},
        PICTURES,
        {
            "image_size": 32,
            "patch_size": 4,
            "window_size": 2,
            "num_heads": [2, 4],
            "depths": [2, 2],
        },
    ),
    Model(
        "ConvNeXt",
        _hf("ConvNextForImageClassification", "ConvNextConfig"),
        {"width": [8, 16], "depth": [1, 2]},
        PICTURES,
        {"num_stages": 2},
        _convnext,
    ),
    Model(
        "ResNet",
        _hf("ResNetForImageClassification", "ResNetConfig"),
        {"width": [8, 16], "depth": [1, 2]},
        PICTURES,
        {},
        _stages,
    ),
    Model(
        "MobileNetV2",
        _hf("MobileNetV2ForImageClassification", "MobileNetV2Config"),
        {"depth_multiplier": [0.5, 1.0]},
        PICTURES,
        {"image_size": 32},
    ),
    Model(
        "torch, norm first",
        lambda **s: _Encoder(**s, norm_first=True),
        _TORCH,
        {"input_ids": TOKENS},
    ),
    Model(
        "torch, norm last",
        lambda **s: _Encoder(**s, norm_first=False),
        _TORCH,
        {"input_ids": TOKENS},
    ),
    Model(
        "torch, LSTM both ways",
        lambda **s: _Recurrent("LSTM", **s),
        {"width": [4, 8]},
        {"input_ids": TOKENS},
    ),
    Model(
        "torch, GRU both ways",
        lambda **s: _Recurrent("GRU", **s),
        {"width": [4, 8]},
        {"input_ids": TOKENS},
    ),
]
