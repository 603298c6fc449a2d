"""The history of a search."""

import numpy as np
import pytest
from toys import conditional, plain

from hypernas.search import Evaluated, History

NAMES = ["accuracy", "ms"]


def some(space, num: int) -> list[Evaluated]:
    rng = np.random.default_rng(0)
    every = list(space.enumerate())[:num]
    return [Evaluated(a, {name: float(rng.normal() * 1e-7) for name in NAMES}) for a in every]


def test_what_is_read_is_what_was_written_to_the_last_bit(tmp_path):
    space = conditional()
    history = History(space, NAMES, tmp_path / "run" / "search.csv")
    for one in some(space, 20):
        history.add([one])
    again = History(space, NAMES, tmp_path / "run" / "search.csv")
    assert list(again) == some(space, 20)
    assert again.get(space.smallest()) == some(space, 1)[0]


@pytest.mark.parametrize("cut", [2, 5, 60])
def test_a_row_that_was_cut_off_is_dropped_and_the_next_one_is_whole(tmp_path, cut):
    space, path = conditional(), tmp_path / "search.csv"
    evaluated = some(space, 3)
    History(space, NAMES, path).add(evaluated)
    path.write_bytes(path.read_bytes()[:-cut])
    opened = History(space, NAMES, path)
    assert list(opened) == evaluated[:2]
    opened.add(evaluated[2:])
    assert list(History(space, NAMES, path)) == evaluated


def test_a_file_without_a_whole_row_of_names_starts_anew(tmp_path):
    path = tmp_path / "search.csv"
    path.write_text("accur")
    assert list(History(plain(), NAMES, path)) == []
    assert path.read_text() == "accuracy,ms,sha256,architecture\n"


def test_a_file_of_another_space_or_of_other_measures_is_refused(tmp_path):
    path = tmp_path / "search.csv"
    History(conditional(), NAMES, path).add(some(conditional(), 2))
    with pytest.raises(
        ValueError, match=r"expected the columns \['ms', 'sha256', 'architecture'\]"
    ):
        History(conditional(), ["ms"], path)
    with pytest.raises(ValueError, match=r"(?s)line 2: .*line 3: "):
        History(plain(), NAMES, path)


def test_a_row_without_a_line_end_that_is_whole_is_kept(tmp_path):
    space, path = conditional(), tmp_path / "search.csv"
    evaluated = some(space, 3)
    History(space, NAMES, path).add(evaluated[:2])
    path.write_bytes(path.read_bytes()[:-1])
    opened = History(space, NAMES, path)
    assert list(opened) == evaluated[:2]
    opened.add(evaluated[2:])
    assert list(History(space, NAMES, path)) == evaluated


def test_intervals_are_kept_beside_the_values(tmp_path):
    space, path = conditional(), tmp_path / "search.csv"
    ends = {"accuracy": (1 / 3, 2 / 3)}
    evaluated = [Evaluated(one.architecture, one.values, ends) for one in some(space, 2)]
    History(space, NAMES, path, intervals=["accuracy"]).add(evaluated)
    assert list(History(space, NAMES, path, intervals=["accuracy"])) == evaluated
    with pytest.raises(ValueError, match=r"intervals of \['accuracy'\]"):
        History(space, NAMES, intervals=["accuracy"]).add(some(space, 1))


def test_a_file_of_an_earlier_version_is_gone_on_with_as_it_is(tmp_path):
    path = tmp_path / "search.csv"
    first, second = some(plain(), 2)
    path.write_text("accuracy,ms,architecture\n")
    History(plain(), NAMES, path).add([first])
    History(plain(), NAMES, path).add([second])
    assert list(History(plain(), NAMES, path)) == [first, second]
    assert "sha256" not in path.read_text()


@pytest.mark.parametrize("text", ["notes of mine", "a,b\n1,2\n3"])
def test_a_file_of_somebody_else_is_left_as_it_was(tmp_path, text):
    path = tmp_path / "search.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="was"):
        History(plain(), NAMES, path)
    assert path.read_text() == text


@pytest.mark.parametrize("row", ["1.0,2.0,[3]", "1.0,2.0,4", 'nan,2.0,"{""width_0"": 0}"'])
def test_rows_that_are_no_evaluations_are_named(tmp_path, row):
    path = tmp_path / "search.csv"
    path.write_text(f"accuracy,ms,architecture\n{row}\n")
    with pytest.raises(ValueError, match="line 2: "):
        History(plain(1), NAMES, path)


def test_an_architecture_is_recorded_once():
    space = plain()
    history = History(space, NAMES)
    history.add(some(space, 1))
    with pytest.raises(ValueError, match="not recorded"):
        history.add(some(space, 1))
    assert len(history) == 1
