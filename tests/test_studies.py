"""The pages of studies say what their results say."""

import csv
import importlib.util
from pathlib import Path

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
