"""Models of transformers come out of a generator as `from_pretrained` and `generate` know them."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.exports import export_file
from hypernas.objectives import OwnLoss

transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs


def language_model(depth: int, width: int):
    config = transformers.GPT2Config(
        vocab_size=30, n_embd=8, n_layer=depth, n_head=2, n_positions=16, n_inner=width
    )
    config.bos_token_id = config.eos_token_id = 1
    config.pad_token_id = 0
    return transformers.GPT2LMHeadModel(config)


@pytest.fixture(scope="module")
def generator():
    choices = {"depth": [1, 2], "width": [8, 16]}
    space = SearchSpace(choices, lambda a: language_model(a["depth"], a["width"]))
    return generators.shared(space).eval()


def tokens() -> dict[str, torch.Tensor]:
    ids = torch.arange(12).view(3, 4) % 30 + 2
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def test_a_folder_is_read_by_from_pretrained_with_the_subnets_config(generator, tmp_path):
    small = generator.space.smallest()
    folder = export_file(generator, small, tmp_path / "small", inputs=tokens()).path
    config = json.loads((folder / "config.json").read_text())
    assert (config["n_layer"], config["n_inner"]) == (1, 8)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")  # tied
    model = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    expected = generator.call(small, **tokens()).logits
    assert_close(model(**tokens()).logits, expected, rtol=0, atol=1e-6)


def test_what_is_exported_generates(generator):
    for architecture in (generator.space.smallest(), generator.space.largest()):
        model = generator.export(architecture)
        found = model.generate(**tokens(), max_new_tokens=3, do_sample=False, eos_token_id=None)
        ids = tokens()["input_ids"]
        for _ in range(3):  # by hand, without a cache
            mask = torch.ones_like(ids)
            logits = generator.call(architecture, input_ids=ids, attention_mask=mask).logits
            ids = torch.cat([ids, logits[:, -1:].argmax(-1)], 1)
        assert found.tolist() == ids.tolist()


def test_a_cache_among_outputs_is_left_out_of_a_program_and_told(generator, tmp_path):
    export = export_file(generator, {"depth": 1, "width": 8}, tmp_path / "a.pt2", inputs=tokens())
    assert len(export.left_out) == 1
    assert "DynamicCache" in export.left_out[0]


def test_own_loss_finds_the_places_to_which_a_language_model_shifts_labels(generator):
    inputs = tokens()
    labels = inputs["input_ids"].clone()
    labels[0, 2:] = -100
    outputs = generator.call(generator.space.largest(), **inputs, labels=labels)
    found = OwnLoss().measures(outputs, labels)
    assert len(found["accuracy"]) == (labels[:, 1:] != -100).sum()
    assert_close(found["loss"][0], outputs.loss)
