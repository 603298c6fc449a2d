"""Fronts in the place of architectures."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pandas import DataFrame
from training_runs import space

from hypernas import SearchSpace
from hypernas.runs.console import next_steps
from hypernas.runs.evaluate import chosen_subnets
from hypernas.runs.fronts import test_table as table_for
from hypernas.search import Evaluated, Front, Objective


def front_in(folder: Path, space: SearchSpace, *names: str) -> str:
    """The file of a front of some architectures."""
    folder.mkdir()
    found = [getattr(space, name)() for name in names]
    points = tuple(Evaluated(a, {"score": float(i)}) for i, a in enumerate(found))
    Front((Objective("score"),), (), points).write(folder / "front.json", space)
    return str(folder / "front.json")


def test_several_fronts_at_once_lose_no_architecture(tmp_path):
    own = space()
    first = front_in(tmp_path / "a", own, "smallest", "largest")
    second = front_in(tmp_path / "b", own, "largest")
    run: Any = SimpleNamespace(space=own)
    one = chosen_subnets(run, [first], num=0, seed=0)
    assert list(one) == ["front_0", "front_1"]
    found = chosen_subnets(run, [f"{first}:best", f"{second}:best", second], num=0, seed=0)
    assert found == {
        "front0_best": own.smallest(),
        "front1_best": own.largest(),
        "front2_0": own.largest(),
    }


def test_a_table_of_an_earlier_front_does_not_stand_for_the_one_that_is_there(tmp_path):
    own = space()
    path = front_in(tmp_path / "a", own, "smallest")
    assert table_for([path], "test") == tmp_path / "a" / "test.csv"
    rows = [{"architecture": own.smallest().to_json(), "accuracy": 0.5}]
    DataFrame(rows).to_csv(tmp_path / "a" / "test.csv", index=False)
    with pytest.raises(FileExistsError, match="was read for"):
        table_for([path], "test")
    front_in(tmp_path / "b", own, "smallest", "largest")
    (tmp_path / "b" / "front.json").replace(path)
    with pytest.raises(FileExistsError, match="is of an earlier front"):
        table_for([path], "test")


def test_advice_holds_the_folders_whatever_they_are_called():
    text = next_steps("run={run} front={quoted}; {run_path}", Path("RUN b/f"), run=Path("RUN a"))
    assert text == """run='"RUN a"' front='"RUN b/f"'; 'RUN a'"""
