"""Experts of transformers whose gates and values are one parameter are cut where gates and values lie."""

import pytest
import torch
from torch.testing import assert_close

from hypernas import SearchSpace, generators

TOKENS = torch.randint(4, 50, (4, 6), generator=torch.Generator().manual_seed(0))
FIRST, HALVES = list(range(24)), [*range(12), *range(24, 36)]
SIZES = {
    "vocab_size": 50,
    "pad_token_id": 0,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_experts_per_tok": 2,
}


@pytest.mark.filterwarnings("ignore")  # of transformers
@pytest.mark.parametrize(
    ("name", "width", "more", "axis", "places"),
    [
        ("Qwen3Moe", "moe_intermediate_size", {"num_experts": 4}, 1, HALVES),
        ("Llama4", "intermediate_size", {"num_local_experts": 4, "intermediate_size_mlp": 40}, 2, HALVES),
        ("GptOss", "intermediate_size", {"num_local_experts": 4}, 2, FIRST),
    ],
    ids=["rows", "columns", "columns by turns"],
)  # fmt: skip
def test_gates_and_values_of_experts_are_cut_wherever_they_lie(name, width, more, axis, places):
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}TextConfig" if name == "Llama4" else f"{name}Config")
    model = getattr(transformers, f"{name}ForCausalLM")

    def build(architecture):
        return model(config(**SIZES, **more, **architecture))

    inputs = {"input_ids": TOKENS, "use_cache": False}
    space = SearchSpace({width: [12, 24]}, build, layouts="auto", inputs=inputs)
    generator = generators.shared(space)
    large, small = generator(space.largest()), generator(space.smallest())
    (fused,) = (parameter for parameter in large if parameter.endswith("gate_up_proj"))
    expected = large[fused].index_select(axis, torch.tensor(places))
    assert_close(small[fused], expected, rtol=0, atol=0)
