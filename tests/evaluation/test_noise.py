import numpy as np
import pytest
from numpy.testing import assert_allclose

from hypernas.evaluation import attainable_tau, kendall_tau, noise


def references(*, within: float, between: float, shape: tuple[int, int], seed: int = 0):
    """Results of the model, and the true means."""
    rng = np.random.default_rng(seed)
    true = 0.9 + between * rng.normal(size=shape[1])
    return true + within * rng.normal(size=shape), true


def test_components_of_variance_are_found_again():
    found = noise(references(within=0.02, between=0.05, shape=(3, 20_000))[0])
    assert_allclose([found.within, found.between], [0.02, 0.05], rtol=0.02)


def test_components_are_right_on_average_over_small_samples():
    made = [
        noise(references(within=1, between=2, shape=(3, 12), seed=seed)[0]) for seed in range(500)
    ]
    assert_allclose(np.mean([n.within**2 for n in made]), 1, rtol=0.05)
    assert_allclose(np.mean([n.between**2 for n in made]), 4, rtol=0.05)


def test_subnets_that_do_not_differ_have_no_spread_and_nothing_to_attain():
    values = np.array([[1.0, 2.0, 1.5], [2.0, 1.0, 1.5]])
    found = noise(values)
    assert found.between == 0 == found.reliability() == attainable_tau(values)
    assert found.within > 0


def test_results_without_noise_are_all_architecture():
    values = np.tile(np.random.default_rng(0).normal(size=10), (3, 1))
    found = noise(values)
    assert_allclose(found.within, 0, atol=1e-12)
    assert_allclose(found.between, values[0].std(ddof=1))
    assert_allclose([found.reliability(), attainable_tau(values)], 1)


def test_reliability_is_the_squared_correlation_of_true_and_measured_means():
    values, true = references(within=1, between=1, shape=(4, 20_000))
    expected = np.corrcoef(values.mean(0), true)[0, 1] ** 2
    assert_allclose(noise(values).reliability(), expected, atol=0.02)
    assert_allclose(noise(values).reliability(1), 0.5, atol=0.02)


def test_attainable_tau_rises_to_one_as_the_noise_falls():
    taus = [
        attainable_tau(references(within=within, between=1, shape=(3, 20))[0])
        for within in (2, 1, 0.5, 0.1, 0.001)
    ]
    assert taus == sorted(taus)
    assert taus[-1] > 0.99


def test_attainable_tau_is_that_of_the_bivariate_normal():
    values, _ = references(within=1, between=1, shape=(3, 600))
    expected = 2 / np.pi * np.arcsin(np.sqrt(noise(values).reliability()))
    assert_allclose(attainable_tau(values, num=50), expected, atol=0.02)


def test_attainable_tau_is_what_the_true_means_reach_on_average():
    reached, predicted = [], []
    for seed in range(200):
        values, true = references(within=1, between=1, shape=(3, 20), seed=seed)
        reached.append(kendall_tau(true, values.mean(0)))
        predicted.append(attainable_tau(values, num=100))
    assert_allclose(np.mean(predicted), np.mean(reached), atol=0.03)


def test_more_seeds_make_more_attainable():
    values, _ = references(within=1, between=1, shape=(3, 20))
    few, many = (attainable_tau(values, num_seeds=seeds) for seeds in (1, 30))
    assert few < attainable_tau(values) < many


def test_attainable_tau_is_a_function_of_its_seed():
    values, _ = references(within=1, between=1, shape=(3, 10))
    assert attainable_tau(values) == attainable_tau(values) != attainable_tau(values, seed=1)


@pytest.mark.parametrize(
    "values", [np.ones((1, 5)), np.ones((5, 1)), np.ones(5), [[1.0, np.nan], [1.0, 2.0]]]
)
def test_noise_is_not_guessed_from_too_little(values):
    for measure in (noise, attainable_tau):
        with pytest.raises(ValueError, match=r"shape \(R, N\) for two or more seeds"):
            measure(values)
