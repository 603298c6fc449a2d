"""Fronts, their volumes and their files."""

import itertools

import numpy as np
import pytest
from toys import conditional, plain, trade

from hypernas.search import (
    Constraint,
    Evaluated,
    Front,
    Infeasible,
    Objective,
    Problem,
    hypervolume,
    non_dominated,
)


def test_non_dominated_points_are_those_that_no_other_beats():
    rng = np.random.default_rng(0)
    for dim in (1, 2, 3):
        points = rng.integers(0, 5, size=(40, dim))
        beaten = [
            any((other <= point).all() and (other < point).any() for other in points)
            for point in points
        ]
        assert non_dominated(points.tolist()) == [i for i, is_so in enumerate(beaten) if not is_so]


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_hypervolume_counts_the_cells_that_points_leave_behind(dim):
    rng = np.random.default_rng(dim)
    for _ in range(10):
        points = rng.integers(0, 6, size=(8, dim))
        cells = itertools.product(range(5), repeat=dim)
        covered = sum(any((point <= cell).all() for point in points) for cell in cells)
        assert hypervolume(points.tolist(), [5] * dim) == covered


def test_points_beyond_the_reference_point_add_nothing():
    assert hypervolume([(1, 9), (5, 5)], (5, 5)) == 0
    assert hypervolume([(1, 9), (2, 2)], (5, 5)) == 9


def test_points_and_a_reference_point_of_other_objectives_are_refused():
    with pytest.raises(ValueError, match=r"expected 2 losses of each, got \[3\]"):
        hypervolume([(1, 2, 3)], (5, 5))


def evaluated(space):
    problem, measures = trade(space)
    every = list(space.enumerate())
    columns = [m(every) for m in measures]
    rows = zip(every, *columns, strict=True)
    return problem, [Evaluated(a, {"good": g, "dear": d}) for a, g, d in rows]


def test_a_front_holds_the_best_that_meets_the_constraints():
    space = plain(4)
    problem, every = evaluated(space)
    bounded = Problem(space, problem.objectives, [Constraint("dear", 15)])
    front = Front.of(bounded, every)
    assert all(point.values["dear"] <= 15 for point in front.points)
    allowed = [one for one in every if one.values["dear"] <= 15]
    best = max(one.values["good"] for one in allowed)
    assert front.best() == front.points[0] == front.pick("best") == front.pick("0")
    assert front.best().values["good"] == best
    assert front.pick("best:dear").values["dear"] == 10
    whole = Front.of(problem, every).hypervolume({"good": 0, "dear": 40})
    assert 0 < front.hypervolume({"good": 0, "dear": 40}) < whole


def test_a_front_of_nothing_that_meets_the_constraints_names_the_nearest():
    space = plain(4)
    problem, every = evaluated(space)
    bounded = Problem(space, problem.objectives, [Constraint("dear", 9)])
    with pytest.raises(Infeasible, match=r"smallest value is 10, of .width_0: 0, width_1: 0"):
        Front.of(bounded, every)
    with pytest.raises(ValueError, match="got none"):
        Front.of(problem, [])


def test_a_front_that_is_read_is_the_one_that_was_written(tmp_path):
    space = conditional()
    values = {"good": 1 / 3, "dear": 1e-9}
    point = Evaluated(space.largest(), values, {"good": (0.3, 0.4)})
    front = Front((Objective("good", True), Objective("dear")), (Constraint("dear", 2),), (point,))
    front.write(tmp_path / "front.json", space)
    assert Front.read(tmp_path / "front.json", space) == front


def test_a_file_of_another_space_or_of_no_front_is_refused(tmp_path):
    space, path = conditional(), tmp_path / "front.json"
    problem, every = evaluated(plain(2))
    Front.of(problem, every).write(path, plain(2))
    with pytest.raises(ValueError, match="a front of another space"):
        Front.read(path, space)
    with pytest.raises(ValueError, match="other values or conditions"):
        Front.read(path, plain(2, values=4))
    for text in ("{", "{}", "[]", '{"points": []}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"does not hold a front|cannot be read as JSON"):
            Front.read(path, space)
    Front.of(problem, every).write(path, plain(2))
    path.write_text(path.read_text().replace("intervals", "ends"))
    with pytest.raises(ValueError, match="was altered since it was written"):
        Front.read(path, plain(2))
    path.write_text(
        path.read_text().replace('"sha256"', '"note"').replace('"note": "', '"note": "-')
    )
    with pytest.raises(ValueError, match="does not hold a front: KeyError"):
        Front.read(path, plain(2))


@pytest.mark.parametrize("word", ["worst", "best:size", "3", "-1"])
def test_a_point_that_is_not_there_is_refused(word):
    problem, every = evaluated(plain(1))
    with pytest.raises(ValueError, match="good"):
        Front.of(problem, every).pick(word)


def test_a_reference_point_lacks_no_objective():
    problem, every = evaluated(plain(1))
    with pytest.raises(ValueError, match=r"lacks \['dear'\]"):
        Front.of(problem, every).hypervolume({"good": 0})
