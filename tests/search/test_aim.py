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
