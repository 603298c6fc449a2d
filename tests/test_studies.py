"""The pages of studies say what their results say."""

import csv
import sys
from pathlib import Path

from hypernas.cli import main as command

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
