"""`hypernas evaluate standalone=true`."""

import csv
import json
import re
from pathlib import Path

import pytest

TRAIN = ["space=mlp", "space.depths=[1]", "space.widths=[4,8,16]", "training.steps=6", "device=cpu"]
ALONE = ["standalone=true", "subnets=3", "references=known", "recipe.seeds=[0,1]"]


@pytest.fixture
def evaluate(run):
    """`hypernas evaluate` of a run, beside stand-alone training."""
    assert run("train", *TRAIN, "hydra.run.dir=first")[0] == 0
    return lambda *more: run("evaluate", "run=first", *ALONE, *more)


def table() -> list[dict[str, str]]:
    with Path("first/evaluation.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_gap_is_printed_and_stand_alone_measures_are_a_column(evaluate):
    status, out, error = evaluate("recipe.steps=6")
    assert status == 0, error
    rows = table()
    assert [row["subnet"] for row in rows] == ["stratum_0", "stratum_1", "stratum_2"]
    alone = [float(row["standalone_accuracy"]) for row in rows]
    assert all(0 <= value <= 1 for value in alone)
    gap = (
        100 * sum(a - float(r["calibrated_accuracy"]) for a, r in zip(alone, rows, strict=True)) / 3
    )
    assert f"\n  gap: {gap:.2f} [" in out
    assert " points\n" in out
    for words in ("Kendall tau-b: ", "tau-b of parameter count: ", "tau-b of FLOPs: ", "2 seeds"):
        assert words in out
    assert len(list(Path("known").iterdir())) == 6


def test_what_was_trained_alone_is_not_trained_again(evaluate, monkeypatch):
    assert evaluate("recipe.steps=6")[0] == 0
    first = table()
    monkeypatch.setattr("hypernas.training.Training.run", None)  # would fail
    assert evaluate("recipe.steps=6")[0] == 0
    assert table() == first


def test_without_steps_the_plateau_is_looked_for_from_those_of_the_largest_that_cost_as_much(
    evaluate,
):
    status, out, error = evaluate("subnets=2")
    assert status == 0, error
    assert "stand-alone training takes " in out
    first, second = re.findall(r"(\d+): 0\.", out.split("by steps ")[1])[:2]
    assert 1 <= int(first) < 6  # of the run, of one random architecture each
    assert int(second) == 2 * int(first)


def test_norms_of_both_are_calibrated_by_as_many_batches(evaluate):
    assert evaluate("recipe.steps=6", "calibration_batches=3")[0] == 0
    entries = [json.loads(path.read_text()) for path in Path("known").iterdir()]
    assert {entry["recipe"]["calibration_batches"] for entry in entries} == {3}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("split=train", "standalone=true compares on validation or test"),
        ("recipe.seeds=[]", "recipe.seeds must be a list of one seed or more, each once, got []"),
        ("recipe.seeds=3", "recipe.seeds: expected a list, got 3"),
        ("subnets=9", "as many as the space has, got 9"),
        ("subnets=0", "needs 1 to 3 subnets"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(evaluate, setting, expected):
    status, _, error = evaluate(setting)
    assert status == 2
    assert expected in error
    assert error.count("hypernas: ") == 1
    assert not Path("known").exists()
