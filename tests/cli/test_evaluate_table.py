"""The table of `hypernas evaluate`: which subnets, in which columns, and that none replaces another."""

import csv
import json

import pytest

FAST = ["space=mlp", "space.widths=[8,16]", "space.depths=[1,2]", "device=cpu", "training.steps=2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def evaluate(run, trained):
    """`hypernas evaluate` of a run without norms: status, output and the rows of the newest table."""
    if not (trained / "it").exists():
        assert run("train", *FAST, "space.norm=none", "hydra.run.dir=it", folder=trained)[0] == 0

    def call(*more):
        status, out, error = run("evaluate", "run=it", "subnets=2", *more, folder=trained)
        tables = sorted(
            (trained / "it").glob("evaluation*.csv"), key=lambda p: p.stat().st_mtime_ns
        )
        rows = list(csv.DictReader(tables[-1].read_text().splitlines())) if tables else []
        return status, out + error, rows

    return call


def test_a_second_table_is_another_file_and_no_file_is_replaced_without_a_word(evaluate, trained):
    for name in ("evaluation.csv", "evaluation_2.csv"):
        status, told, _ = evaluate()
        assert status == 0
        assert f"written to it/{name}" in told
    status, told, _ = evaluate("out=it/evaluation.csv")
    assert status == 2
    assert "out=it/evaluation.csv exists: give another file, or overwrite=true" in told
    status, told, _ = evaluate("out=it/evaluation.csv", "overwrite=true")
    assert status == 0, told


def test_columns_that_tell_nothing_are_left_out(evaluate):
    _, told, rows = evaluate()
    assert set(rows[0]) == {
        *("subnet", "architecture", "parameters", "mflops", "accuracy", "cross_entropy"),
    }
    assert "calibrated" not in told


@pytest.mark.parametrize("columns", ["80", "150"])
def test_each_subnet_is_a_line(evaluate, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    _, told, rows = evaluate()
    lines = [line for line in told.splitlines() if line.startswith("│")]
    assert len(lines) == len(rows) == 4
    for row, line in zip(rows, lines, strict=True):
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells[0] == row["subnet"]
        assert cells[1].startswith("{depth: ")
        assert cells[2] == f"{int(row['parameters']):,}"
        assert cells[-1] == f"{float(row['accuracy']):.4f}"


def test_architectures_are_asked_for_by_word_choices_or_the_text_of_a_table(evaluate):
    _, _, known = evaluate()
    text = next(row["architecture"] for row in known if row["subnet"] == "smallest")
    _, _, rows = evaluate(f"architecture=['{text}',largest,{{depth: 1, width_0: 16}}]")
    found = [json.loads(row["architecture"]) for row in rows]
    assert found[0] == json.loads(text)
    assert found[1]["depth"] == 2
    assert found[2] == {"depth": 1, "width_0": 16}
    status, told, rows = evaluate("architecture=smallest")
    assert (status, len(rows)) == (0, 1)
    status, told, _ = evaluate("architecture={depth: 7}")
    assert status == 2
    assert "depth: expected one of [1, 2], got 7" in told
