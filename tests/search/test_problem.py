"""Problems and the errors of constraints."""

import pytest
from toys import conditional, measure, plain

from hypernas.search import Constraint, Evaluated, Infeasible, Objective, Problem


def test_a_loss_is_lower_where_a_value_is_better():
    assert Objective("accuracy", maximize=True).loss(0.9) < Objective("accuracy", True).loss(0.8)
    assert Objective("latency").loss(2.0) < Objective("latency").loss(3.0)


def test_the_violation_is_the_sum_of_the_parts_of_bounds_that_are_exceeded():
    problem = Problem(
        plain(),
        [Objective("loss")],
        [Constraint("ms", 2.0), Constraint("accuracy", 0.5, at_most=False)],
    )
    assert problem.violation({"loss": 9.0, "ms": 2.0, "accuracy": 0.5}) == 0
    assert problem.violation({"loss": 9.0, "ms": 3.0, "accuracy": 0.4}) == pytest.approx(0.7)
    assert problem.names == ["loss", "ms", "accuracy"]


@pytest.mark.parametrize("objectives", [[], [Objective("a"), Objective("a", True)]])
def test_a_problem_without_objectives_of_different_names_is_refused(objectives):
    with pytest.raises(ValueError, match="one or more objectives of different names"):
        Problem(plain(), objectives)


@pytest.mark.parametrize("wrong", [{"objectives": ["loss"]}, {"constraints": "ms"}, {"known": [1]}])
def test_a_problem_of_other_parts_is_refused_by_their_names(wrong):
    with pytest.raises(TypeError, match=f"{next(iter(wrong))}: expected"):
        Problem(**{"space": plain(), "objectives": [Objective("loss")], **wrong})


def test_known_measures_are_told_of_what_the_problem_names():
    space = conditional()
    ms, size = measure(space, "ms", sum), measure(space, "size", len)
    problem = Problem(space, [Objective("loss")], [Constraint("ms", 1)], {"ms": ms, "size": size})
    smallest = space.smallest()
    assert problem.known_values([smallest]) == [{"ms": ms([smallest])[0]}]


def test_the_error_of_constraints_names_the_nearest_architecture_of_each():
    space = plain(2)
    small, large = space.smallest(), space.largest()
    seen = [Evaluated(small, {"ms": 3.0, "top": 0.1}), Evaluated(large, {"ms": 9.0, "top": 0.8})]
    error = Infeasible([Constraint("ms", 2), Constraint("top", 0.9, at_most=False)], seen)
    assert f"ms <= 2: the smallest value is 3, of {small}" in str(error)
    assert f"top >= 0.9: the largest value is 0.8, of {large}" in str(error)
