"""Fronts in the place of architectures."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from training_runs import space

from hypernas import SearchSpace
from hypernas.runs.console import next_steps
from hypernas.runs.evaluate import chosen_subnets
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


def test_advice_holds_the_folders_whatever_they_are_called():
    text = next_steps("run={run} front={quoted}; {run_path}", Path("RUN b/f"), run=Path("RUN a"))
    assert text == """run='"RUN a"' front='"RUN b/f"'; 'RUN a'"""
