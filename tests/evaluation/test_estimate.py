import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hypernas.evaluation import Estimate, average, estimate, kendall_tau, paired


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)


def covered(made: Estimate, truth: float) -> bool:
    return made.low <= truth <= made.high


def test_the_value_is_the_mean_over_seeds_of_the_statistic(draw):
    scores, truth = draw.normal(size=(3, 12)), draw.normal(size=12)
    made = estimate(kendall_tau, scores, truth)
    assert_allclose(made.by_seed, [kendall_tau(row, truth) for row in scores])
    assert_allclose(made.value, np.mean(made.by_seed))
    assert_allclose(made.spread, np.std(made.by_seed, ddof=1))
    assert made.low < made.value < made.high


def test_the_interval_is_the_percentiles_of_the_slow_obvious_bootstrap(draw):
    values = draw.normal(size=(2, 15))
    slow = []
    for _ in range(4000):
        subnets = draw.integers(15, size=15)
        slow.append(np.mean([np.median(row[subnets]) for row in values]))
    made = estimate(lambda x: np.median(x, axis=-1), values, level=0.8, num=4000)
    assert_allclose([made.low, made.high], np.quantile(slow, [0.1, 0.9]), atol=0.05)


def test_the_interval_covers_the_true_mean_of_other_subnets_94_times_in_100(draw):
    made = [
        estimate(average, draw.normal(1, 2, size=(1, 60)), num=1000, seed=i) for i in range(1500)
    ]
    assert 0.925 < np.mean([covered(each, 1.0) for each in made]) < 0.96


def test_an_interval_over_seeds_and_subnets_covers_where_both_vary(draw):
    both, subnets_only = [], []
    for _ in range(200):
        values = draw.normal(size=(8, 1)) + draw.normal(size=(1, 30)) + draw.normal(size=(8, 30))
        both.append(covered(estimate(average, values, num=400, resample_seeds=True), 0.0))
        subnets_only.append(covered(estimate(average, values, num=400), 0.0))
    assert 0.86 < np.mean(both) < 0.98
    assert np.mean(subnets_only) < 0.8


def test_where_only_three_seeds_vary_the_interval_is_from_the_lowest_to_the_highest(draw):
    values = np.repeat(draw.normal(size=(3, 1)), 10, axis=1)
    made = estimate(average, values, resample_seeds=True)
    assert_allclose([made.low, made.high], [min(made.by_seed), max(made.by_seed)])


@pytest.mark.parametrize("seeds_vary", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("num_seeds", [3, 8])
def test_an_interval_beyond_seeds_covers_whether_seeds_or_subnets_vary(draw, seeds_vary, num_seeds):
    covers = []
    for _ in range(300):
        shape = (num_seeds, 16)
        values = seeds_vary * draw.normal(size=(num_seeds, 1)) + draw.normal(size=(1, 16))
        values = values + 0.3 * draw.normal(size=shape)
        covers.append(covered(estimate(average, values, num=200).beyond_seeds(), 0.0))
    assert np.mean(covers) > 0.87  # 0.92 where 16 subnets are all that vary, with an error of 0.016


def test_beyond_seeds_is_the_quadrature_of_students_t_over_seeds_and_the_interval_over_subnets(
    draw,
):
    values = np.array([[1.0], [2.0], [6.0]]) + np.zeros(4)
    made = estimate(average, values).beyond_seeds()
    half = 4.302653 * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert_allclose([made.low, made.high], [3 - half, 3 + half], rtol=1e-5)
    mixed = estimate(average, draw.normal(size=(3, 9)))
    wide = mixed.beyond_seeds()
    assert_allclose(
        (wide.high - wide.value) ** 2 - (mixed.high - mixed.value) ** 2,
        (4.302653 * mixed.spread) ** 2 / 3,
        rtol=1e-5,
    )
    one = estimate(average, draw.normal(size=(1, 9)))
    assert one.beyond_seeds() == one


def test_what_is_shared_by_all_seeds_may_come_without_their_axis(draw):
    scores, truth = draw.normal(size=(3, 10)), draw.normal(size=10)
    assert estimate(kendall_tau, scores, truth) == estimate(
        kendall_tau, scores, np.tile(truth, (3, 1))
    )


def test_an_estimate_is_a_function_of_its_seed(draw):
    values = draw.normal(size=(3, 10))
    assert (
        estimate(average, values) == estimate(average, values) != estimate(average, values, seed=1)
    )


def test_drawing_in_parts_gives_an_interval_of_the_same_law(draw, monkeypatch):
    values = draw.normal(size=(3, 10))
    whole = estimate(average, values)
    module = sys.modules["hypernas.evaluation.estimate"]  # of a function's name
    monkeypatch.setattr(module, "_CHUNK", 30 * 7)
    parts = estimate(average, values)
    assert_allclose([parts.low, parts.high], [whole.low, whole.high], atol=0.05)


def test_draws_in_which_the_statistic_is_undefined_are_left_out():
    scores = [1.0, 1.0, 2.0]  # a third of the draws hold equal scores only
    made = estimate(kendall_tau, scores, [1.0, 2.0, 3.0])
    assert np.isfinite([made.value, made.low, made.high]).all()


def test_a_statistic_that_is_undefined_in_one_seed_has_no_value(draw):
    made = estimate(kendall_tau, np.stack([draw.normal(size=8), np.ones(8)]), draw.normal(size=8))
    assert np.isnan([made.value, made.low, made.high, made.by_seed[1]]).all()
    assert np.isfinite(made.by_seed[0])


def test_one_subnet_has_no_interval_and_one_seed_no_spread():
    made = estimate(average, [[3.0]])
    assert made.value == 3.0
    assert np.isnan([made.low, made.high, made.spread]).all()
    assert f"{made:.1f}" == "3.0"


def test_a_pair_of_equal_arms_differs_by_nothing(draw):
    values = draw.normal(size=(3, 10))
    assert paired(values, values) == Estimate(0.0, 0.0, 0.0, (0.0, 0.0, 0.0))


def test_pairing_removes_what_seeds_and_subnets_have_in_common(draw):
    noise = 10 * (draw.normal(size=(5, 1)) + draw.normal(size=(1, 20)))
    first, second = noise + 1 + 0.1 * draw.normal(size=(5, 20)), noise
    made = paired(first, second)
    assert 0.9 < made.low < made.value < made.high < 1.1
    assert_allclose(made.by_seed, (first - second).mean(1))


def test_two_arms_are_compared_by_any_statistic_of_a_shared_truth(draw):
    truth = draw.normal(size=20)
    good, poor = truth + 0.1 * draw.normal(size=(3, 20)), draw.normal(size=(3, 20))
    made = paired(good, poor, truth, statistic=kendall_tau)
    assert_allclose(made.by_seed, kendall_tau(good, truth) - kendall_tau(poor, truth))
    assert made.low > 0


def test_a_function_of_single_rows_becomes_a_statistic_by_vectorize(draw):
    values = draw.normal(size=(2, 9))
    slow = np.vectorize(lambda row: float(sorted(row)[4]), signature="(n)->()")
    assert estimate(slow, values) == estimate(lambda x: np.median(x, axis=-1), values)


def test_estimates_change_units_and_print_with_their_interval():
    made = Estimate(0.5, 0.25, 0.75, (0.25, 0.75))
    assert f"{made.times(100):.1f}" == "50.0 [25.0, 75.0]"
    assert made.times(-1) == Estimate(-0.5, -0.75, -0.25, (-0.25, -0.75))


def test_a_statistic_is_called_for_many_draws_at_once(draw):
    scores, truth = draw.normal(size=(3, 20)), draw.normal(size=20)
    sizes = []

    def counted(scores, truth):
        sizes.append(scores.size)
        return kendall_tau(scores, truth)

    estimate(counted, scores, truth, num=2000)
    assert sizes == [3 * 20, 2000 * 3 * 20]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ((), "got none"),
        ((np.ones((2, 3, 4)),), r"got \(2, 3, 4\)"),
        ((np.ones((0, 3)),), r"got \(0, 3\)"),
        ((np.ones((2, 3)), np.ones((3, 3))), r"\(2, 3\), \(3, 3\)"),
        ((np.ones((2, 3)), np.ones(4)), r"\(2, 3\), \(4,\)"),
        (([1.0, float("nan")],), "leave out subnets"),
    ],
)
def test_samples_that_do_not_belong_together_are_refused(samples, words):
    with pytest.raises(ValueError, match=words):
        estimate(average, *samples)


def test_a_statistic_that_reduces_the_wrong_axis_is_refused():
    with pytest.raises(ValueError, match=r"expected \(2,\) from \(2, 5\), got \(\)"):
        estimate(np.mean, np.ones((2, 5)))


def test_a_level_in_percent_is_refused():
    with pytest.raises(ValueError, match="level=95"):
        estimate(average, np.ones((2, 5)), level=95)
