"""The pages of studies say what their results say."""

import csv
import importlib.util
import sys
from pathlib import Path

from hypernas.cli import main as command

ROOT = Path(__file__).parent.parent / "experiments"


def test_the_tables_of_the_mip_study_are_made_of_its_results():
    spec = importlib.util.spec_from_file_location("mip_summary", ROOT / "mip" / "summary.py")
    summary = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(summary)
    with (ROOT / "mip" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    page = (ROOT / "mip" / "README.md").read_text()
    assert page.split(summary.BEGIN)[1].split(summary.END)[0].strip() == summary.tables(rows)
    assert len(rows) == 5 * (6 + 6) * 3


def test_the_tables_of_the_studies_and_the_readme_are_up_to_date(monkeypatch, capsys):
    studies = ["gap_conv1d", "gap_conv2d", "gap_transformer", "ablation", "growth", "speed"]
    paths = [str(ROOT / name) for name in studies]
    readme = str(ROOT.parent / "README.md")
    monkeypatch.setattr(sys, "argv", ["hypernas", "report", *paths, "--into", readme, "--check"])
    status = 0
    try:
        command.main()
    except SystemExit as end:
        status = end.code or 0
    assert status == 0, capsys.readouterr()
