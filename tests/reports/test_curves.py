"""Curves are drawn with their measure and its unit, and can be told apart."""

import re

import pytest
from made_up_study import write

from hypernas.reports import open_study, section_of

COLUMNS = "task arm seed measure unit train_flops score"


def curves(folder, num, columns=COLUMNS, **changed):
    """The section of a study of so many arms, the last row changed."""
    rows = [
        {"task": "t", "arm": f"arm_{arm}", "seed": seed, "measure": "accuracy", "unit": "%"}
        | {"train_flops": 1e9 * step, "score": 10.0 * arm + seed + step}
        for arm in range(num)
        for seed in (0, 1)
        for step in (1, 2, 3)
    ]
    rows[-1] |= changed
    kept = [{name: row[name] for name in columns.split()} for row in rows]
    write(folder / "results.csv", kept, columns)
    return section_of(open_study(folder))


@pytest.mark.parametrize(("num", "panels"), [(6, 1), (7, 7)])
def test_arms_share_a_panel_as_long_as_there_are_hues_and_have_one_each_beyond(
    tmp_path, num, panels
):
    (figure,) = curves(tmp_path, num).parts[0].figures
    for svg in (figure.wide[0], figure.narrow):
        assert svg.count(">accuracy (%)<") == 1
        assert len(re.findall('id="axes_[0-9]+"', svg)) == panels
        assert {f">arm_{arm}<" in svg for arm in range(num)} == {True}
        assert (">63.50<" in svg) == (panels > 1)  # the mean of the last arm at its end


def test_tables_and_captions_name_the_measure_and_its_unit(tmp_path):
    (part,) = curves(tmp_path, 2).parts
    (table,), (figure,) = part.tables(), part.figures
    assert tuple(table.columns[-2:]) == ("accuracy at equal compute (%)", "final accuracy (%)")
    assert figure.title == "Accuracy against training compute, t"
    assert figure.caption.startswith("t: accuracy in % against")


def test_scores_without_a_measure_are_no_curves_and_two_measures_are_refused(tmp_path):
    plain = curves(tmp_path, 2, "task arm seed train_flops score")
    assert [part.name for part in plain.parts] == ["table"]
    with pytest.raises(ValueError, match="column unit: expected one value for task t, got '%' and"):
        curves(tmp_path, 2, unit="nats")
