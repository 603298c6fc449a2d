"""The pages of studies say what their results say."""

import csv
import importlib
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from hypernas.cli import main as command
from hypernas.cost import Flops, Parameters
from hypernas.reports import open_study, section_of
from hypernas.reports.gap.estimates import difference
from hypernas.reports.gap.task import read_tasks
from hypernas.reports.table import figure
from hypernas.runs.config_files import configs

ROOT = Path(__file__).parent.parent / "experiments"


def test_the_tables_of_the_studies_and_the_pages_are_up_to_date(monkeypatch, capsys):
    studies = sorted(str(path.parent) for path in ROOT.glob("*/results.csv"))
    assert len(studies) >= 9
    every = [ROOT.parent / "README.md", *sorted((ROOT.parent / "docs").glob("*.md"))]
    pages = [page for page in every if "<!-- report: " in page.read_text()]
    assert len(pages) >= 8
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


def test_no_search_within_a_limit_is_ahead_of_the_whole_space():
    with (ROOT / "search_under_constraints" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    regrets = {row["method"]: [] for row in rows}
    for row in rows:
        regrets[row["method"]].append(float(row["regret"]))
        assert int(row["allowed"]) <= int(row["space"])
    assert all(regret >= 0 for own in regrets.values() for regret in own)
    assert set(regrets["exhaustive"]) == {0.0}


def test_costs_of_the_searched_space_are_those_that_are_counted(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "search_under_constraints"))
    generate = importlib.import_module("generate")
    monkeypatch.delitem(sys.modules, "generate")
    space, example = generate.small_networks(), torch.zeros(1, 1, 40)
    with (generate.TABLES / generate.COSTS).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == space.size
    every = list(space.enumerate())[::40]
    assert [float(row["parameters"]) for row in rows[::40]] == Parameters(space)(every)
    assert [float(row["flops"]) for row in rows[::40]] == Flops(space, example)(every)


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


def test_the_readme_says_what_strategies_and_generators_are_worth():
    text = (ROOT.parent / "README.md").read_text()
    for study, words in (
        (
            "strategies_language",
            "brings sharing {shared} and `hypernas` {hypernas} nats on text, generating {generated}",
        ),
        (
            "strategies_images",
            "{shared}, {hypernas} and {generated} points on images",
        ),
    ):
        (task,) = read_tasks(open_study(ROOT / study))
        found = {
            name: difference(task, *pair, 1.0)
            for name, pair in {
                "shared": ("shared.sandwich", "shared.single"),
                "hypernas": ("hypernas.sandwich", "hypernas.single"),
                "generated": ("shared.single", "hypernas.single"),
            }.items()
        }
        shown = {
            name: "{} [{}, {}]".format(
                *(figure(value, task.digits) for value in (one.value, one.low, one.high))
            )
            for name, one in found.items()
            if one is not None
        }
        assert words.format(**shown) in text, words.format(**shown)


def test_the_readme_says_what_share_of_the_gap_is_closed_where_subnets_harm_each_other():
    (closed,) = section_of(open_study(ROOT / "interference_functions")).tables("closed")
    found = {
        (line["arm"].text, line["budget"].text): line["share of the gap closed"].text
        for _, line in closed.iterrows()
    }
    first, second = (found["`centred.single`", budget] for budget in ("1×", "2×"))
    words = f"At budgets 1 and 2 {first} and {second} of sharing's gap are closed"
    assert words in (ROOT.parent / "README.md").read_text(), words
