"""The table of the learning rates that were tried says by what they were chosen."""

import csv

import pytest
from made_up_study import write_study

from hypernas.reports import open_study, section_of


@pytest.mark.parametrize("told", [None, "cross_entropy"])
def test_rates_stand_with_the_measure_by_which_they_were_chosen(told, tmp_path):
    write_study(tmp_path)
    path = tmp_path / "tuning.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if told:  # files of earlier versions do not say
        rows = [row | {"measure": told} for row in rows]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (table,) = section_of(open_study(tmp_path)).tables("tuning")
    name = "cross entropy" if told else "accuracy"
    assert table.attrs["caption"].startswith(f"Validation {name} of every")
