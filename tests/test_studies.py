"""The pages of studies say what their results say."""

import csv
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from hypernas.cli import main as command
from hypernas.runs.config_files import configs

ROOT = Path(__file__).parent.parent / "experiments"


def test_the_tables_of_the_studies_and_the_pages_are_up_to_date(monkeypatch, capsys):
    studies = sorted(str(path.parent) for path in ROOT.glob("*/results.csv"))
    assert len(studies) >= 9
    docs = ROOT.parent / "docs"
    pages = [
        ROOT.parent / "README.md",
        *(docs / f"{n}.md" for n in ("results", "cost", "generators", "sentence_encoder")),
    ]
    into = [argument for page in pages for argument in ("--into", str(page))]
    command_line = ["hypernas", "report", *studies, "--trust", *into, "--check"]
    monkeypatch.setattr(sys, "argv", command_line)
    status = 0
    try:
        command.main()
    except SystemExit as end:
        status = end.code or 0
    assert status == 0, capsys.readouterr()


def test_the_mip_study_has_all_its_runs():
    with (ROOT / "mip" / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5 * (6 + 6) * 3


@pytest.mark.parametrize(
    ("study", "shape", "words"),
    [
        ("gap_conv1d", (1, 40), "{} architectures of 590"),
        ("gap_conv2d", (1, 14, 14), "{} architectures of 1,286"),
        ("gap_transformer", (32,), "{} architectures. A first"),
        ("gap_transformer_plenty", (32,), "{} decoder-only transformers"),
    ],
)
def test_pages_name_the_size_of_the_space_that_was_studied(study, shape, words):
    with initialize_config_dir(str(configs()), version_base="1.3"):
        told = compose("study", overrides=[f"study={study}"]).study.settings
        made = instantiate(compose("train", overrides=list(told)).space)
    size = f"{made(input_shape=shape, num_classes=10).size:,}"
    assert words.format(size) in (ROOT / study / "README.md").read_text()
    if "transformer" in study:
        pages = [ROOT.parent / "README.md", ROOT.parent / "docs" / "results.md"]
        assert all(f"{size} decoder-only transformers" in page.read_text() for page in pages)
