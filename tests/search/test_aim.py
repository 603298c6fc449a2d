"""Aims in words."""

import pytest
from toys import measure, plain

from hypernas.cost import Parameters
from hypernas.search.aim import Aim, problem_of
from hypernas.search.quality import Quality

SPACE = plain(2)
MEASURES = {
    **{name: Quality(name, None) for name in ("accuracy", "cross_entropy", "charm")},
    "parameters": Parameters(SPACE),
    "odd": measure(SPACE, "odd", sum),
}


def problem(*objectives, **constraints):
    return problem_of(SPACE, Aim(objectives=objectives, constraints=constraints), MEASURES)


def test_costs_and_losses_are_to_be_low_and_accuracies_high():
    found = problem("accuracy", "cross_entropy", "parameters", accuracy=0.9, parameters=50)
    assert [part.maximize for part in found.objectives] == [True, False, False]
    assert [str(part) for part in found.constraints] == ["accuracy >= 0.9", "parameters <= 50"]
    assert list(found.known) == ["parameters"]


def test_a_measure_that_nobody_knows_is_told_its_direction():
    assert problem("max:charm", "min:odd").objectives[0].maximize
    with pytest.raises(ValueError, match="write max:charm or min:charm"):
        problem("charm")


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ValueError, match="no measure 'beauty', expected one of") as told:
        problem("beauty", "accuracy", "accuracy", parameters="few")
    assert "accuracy is there twice" in str(told.value)
    assert "constraints.parameters: expected a number, got 'few'" in str(told.value)
    with pytest.raises(ValueError, match="expected one name or more"):
        problem()


def test_a_word_before_a_constraint_counts_for_that_constraint_alone():
    found = problem("accuracy", **{"max:parameters": 20, "min:parameters": 50, "min:accuracy": 0.5})
    assert found.objectives[0].maximize
    told = ["parameters >= 20", "parameters <= 50", "accuracy <= 0.5"]
    assert [str(part) for part in found.constraints] == told


def test_a_constraint_goes_the_way_of_its_objective_unless_its_measure_has_a_way_of_its_own():
    found = problem("max:charm", "min:odd", "max:parameters", charm=1, odd=2, parameters=3)
    told = ["charm >= 1", "odd <= 2", "parameters <= 3"]
    assert [str(part) for part in found.constraints] == told


def test_constraints_that_contradict_or_repeat_each_other_are_refused():
    with pytest.raises(ValueError, match="no parameters is at least 50 and at most 20"):
        problem("accuracy", **{"max:parameters": 50, "min:parameters": 20})
    with pytest.raises(ValueError, match="both bound accuracy from below: keep one"):
        problem("accuracy", **{"accuracy": 0.5, "max:accuracy": 0.6})


@pytest.mark.parametrize("objectives", [[[]], [None], ["loss", 3], "loss"])
def test_objectives_are_names(objectives):
    with pytest.raises(ValueError, match=r"objectives: expected names of measures, .* got"):
        Aim(objectives=objectives)
