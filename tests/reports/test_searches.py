"""Searches on the page of a run."""

import json
from pathlib import Path

import pytest

from hypernas import Choice, SearchSpace
from hypernas.reports.run.searches import broken, parts_of, read_search
from hypernas.search import Evaluated, Front, History, Objective
from hypernas.storage.seal import read_sealed


def searched(folder: Path) -> Path:
    """The folder of a search of three architectures."""
    space = SearchSpace({"width": Choice([1, 2, 3])}, lambda _: None)
    history = History(space, ["score"], folder / "search.csv")
    found = [Evaluated(a, {"score": float(a["width"])}) for a in space.enumerate()]
    history.add(found)
    Front((Objective("score"),), (), tuple(found[:1])).write(folder / "front.json", space)
    return folder


def test_half_a_row_of_a_search_that_goes_on_is_not_shown(tmp_path):
    with (searched(tmp_path) / "search.csv").open("a") as file:
        file.write("4.0")
    assert list(read_search(tmp_path).values["score"]) == [1, 2, 3]


def test_measures_of_an_earlier_front_are_told_from_those_of_the_front(tmp_path):
    (searched(tmp_path) / "test.csv").write_text('architecture\n"{""width"": 1}"\n')
    for text, words in (("1", "which the search never read"), ("2", "An earlier front")):
        (tmp_path / "test.csv").write_text(f'architecture\n"{{""width"": {text}}}"\n')
        tables = parts_of(read_search(tmp_path), "search", "Search")[1].tables
        assert tables is not None
        assert words in tables()[0].attrs["caption"]


def test_a_search_that_cannot_be_read_is_told_in_a_table(tmp_path):
    path = searched(tmp_path) / "front.json"
    content = read_sealed(path)
    del content["points"][0]["intervals"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="does not hold a whole search") as told:
        read_search(tmp_path)
    part = broken(tmp_path, told.value, "search")
    assert part.tables is not None
    assert "intervals" in str(part.tables()[0].iloc[0, 1])
