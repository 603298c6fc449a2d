import pytest

from hypernas.evaluation import tuned_at


@pytest.mark.parametrize(("budget", "expected"), [(0.5, 1), (1, 1), (3.9, 1), (4, 4), (8, 4)])
def test_a_budget_takes_the_rate_of_the_largest_tuned_one_that_is_not_beyond_it(budget, expected):
    assert tuned_at(budget, [4, 1]) == expected
