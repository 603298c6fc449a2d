import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from hypernas.evaluation import kendall_tau, precision_at_k, regret, spearman, stability

CORRELATIONS = [(kendall_tau, stats.kendalltau), (spearman, stats.spearmanr)]


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(("ours", "reference"), CORRELATIONS)
@pytest.mark.parametrize("values", [3, 1_000_000])  # many ties, none
def test_correlations_of_many_rows_are_those_of_scipy_on_each(ours, reference, values, draw):
    scores, truth = draw.integers(values, size=(2, 4, 5, 17)).astype(float)
    expected = [
        reference(a, b).statistic
        for a, b in zip(scores.reshape(-1, 17), truth.reshape(-1, 17), strict=True)
    ]
    assert_allclose(ours(scores, truth).ravel(), expected)


@pytest.mark.parametrize(("ours", "reference"), CORRELATIONS)
def test_correlations_see_order_alone(ours, reference, draw):
    scores, truth = draw.normal(size=(2, 12))
    assert_allclose(ours(np.exp(scores), truth), ours(scores, truth))
    assert_allclose(ours(-scores, truth), -ours(scores, truth))
    assert_allclose(ours(scores, scores), 1)


@pytest.mark.parametrize(("ours", "reference"), CORRELATIONS)
def test_correlations_with_equal_scores_are_undefined(ours, reference, draw):
    assert np.isnan(ours(np.ones(5), draw.normal(size=5)))
    assert np.isnan(ours(draw.normal(size=5), np.ones(5)))


def test_one_truth_serves_many_rows_of_scores(draw):
    scores, truth = draw.normal(size=(3, 9)), draw.normal(size=9)
    assert_allclose(kendall_tau(scores, truth), [kendall_tau(row, truth) for row in scores])


def test_a_subnet_that_diverged_can_be_ranked_last():
    assert kendall_tau([0.5, -np.inf, 0.7], [2.0, 1.0, 3.0]) == 1


def test_precision_at_k_counts_what_two_sorted_lists_share(draw):
    scores, truth = draw.normal(size=(2, 20))
    for k in (1, 4, 20):
        shared = set(np.argsort(scores)[-k:]) & set(np.argsort(truth)[-k:])
        assert_allclose(precision_at_k(scores, truth, k), len(shared) / k)


def test_precision_at_k_of_equal_scores_is_that_of_chance(draw):
    assert_allclose(precision_at_k(np.ones(20), draw.normal(size=20), 5), 5 / 20)


def test_ties_of_scores_count_as_the_mean_over_their_orders():
    scores, truth = np.array([2.0, 1.0, 1.0, 1.0, 0.0]), np.array([1.0, 5.0, 4.0, 2.0, 3.0])
    orders = [np.array([9.0, *order, 0.0]) for order in itertools.permutations((1.0, 2.0, 3.0))]
    for measure in (lambda s: precision_at_k(s, truth, 2), lambda s: regret(s, truth)):
        assert_allclose(measure(scores), np.mean([measure(order) for order in orders]))


def test_what_is_as_good_as_the_kth_best_may_take_its_place():
    truth = [3.0, 2.0, 2.0, 1.0]
    assert precision_at_k([9.0, 0.0, 8.0, 0.0], truth, 2) == 1
    assert precision_at_k([0.0, 8.0, 9.0, 0.0], truth, 2) == 0.5  # one place, not two


def test_a_perfect_predictor_is_perfect_also_on_resampled_subnets(draw):
    truth = draw.normal(size=20)[draw.integers(20, size=(50, 20))]
    assert_allclose(regret(truth, truth), 0)
    assert_allclose(kendall_tau(truth, truth), 1)
    assert_allclose(precision_at_k(truth, truth, 5), 1)


def test_regret_is_what_the_best_score_loses(draw):
    scores, truth = draw.normal(size=(2, 6, 11))
    lost = [max(b) - b[np.argmax(a)] for a, b in zip(scores, truth, strict=True)]
    assert_allclose(regret(scores, truth), lost)
    assert (regret(scores, truth) >= 0).all()


def test_rankings_that_never_change_are_stable_and_reversed_ones_are_not(draw):
    scores = draw.normal(size=8)
    assert_allclose(stability([scores, 2 * scores, scores + 1]), 1)
    assert_allclose(stability([scores, -scores, scores]), -1)


def test_stability_is_the_mean_tau_of_successive_running_means(draw):
    lists = draw.normal(size=(7, 10))
    means = [lists[i : i + 3].mean(0) for i in range(5)]
    expected = np.mean([stats.kendalltau(a, b).statistic for a, b in itertools.pairwise(means)])
    assert_allclose(stability(lists, average=3), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kendall_tau([1.0, 2.0], [1.0, 2.0, 3.0]), r"\(2,\) and \(3,\)"),
        (lambda: spearman([1.0, np.nan], [1.0, 2.0]), "nan, which has no rank"),
        (lambda: precision_at_k([1.0, 2.0], [1.0, 2.0], 3), "between 1 and the 2 subnets"),
        (lambda: stability(np.ones((3, 4)), average=3), r"shape \(3, 4\) and average=3"),
        (lambda: stability(np.ones(4)), r"\(T, N\)"),
    ],
)
def test_what_cannot_be_ranked_is_refused_with_a_reason(call, words):
    with pytest.raises(ValueError, match=words):
        call()
