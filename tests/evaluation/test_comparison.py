import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hypernas.evaluation import MEASURES, baselines, compare, rank

ACCURACY, NATS = MEASURES["accuracy"], MEASURES["cross_entropy"]
ALONE = np.linspace(0.6, 0.9, 12)


def test_weights_as_good_as_alone_have_no_gap_and_rank_perfectly():
    found = compare(ALONE, np.tile(ALONE, (3, 1)), measure=ACCURACY)
    assert_allclose([found[name].value for name in ("gap", "absolute gap", "regret")], 0, atol=1e-9)
    assert_allclose([found[name].value for name in ("Kendall tau-b", "Spearman")], 1)
    assert found["precision at 5"].value == 1


def test_the_gap_is_in_points_of_accuracy_and_positive_where_inherited_weights_are_worse():
    found = compare(ALONE - 0.02, ALONE[None], measure=ACCURACY)
    assert_allclose(found["gap"].value, 2.0)
    assert_allclose(found["absolute gap"].value, 2.0)


def test_nats_compare_as_their_negatives_do():
    alone = np.random.default_rng(0).normal(size=(2, 12))
    ours = alone.mean(0) + np.random.default_rng(1).normal(size=12)
    up, down = compare(-ours, -alone, measure=ACCURACY), compare(ours, alone, measure=NATS)
    for name in up:
        scale = 100 if name.endswith(("gap", "regret")) else 1
        assert_allclose(up[name].value, scale * down[name].value)


def test_truth_is_the_mean_over_the_seeds_of_stand_alone_training():
    alone = np.random.default_rng(0).normal(size=(3, 12))
    ours = np.random.default_rng(1).normal(size=12)
    many, one = compare(ours, alone, measure=NATS), compare(ours, alone.mean(0), measure=NATS)
    for name in many:
        assert_allclose(many[name].value, one[name].value)


def test_regret_is_what_the_pick_of_inherited_weights_loses():
    ours = ALONE.copy()
    ours[4] = 1.0
    found = compare(ours, ALONE[None], measure=ACCURACY)
    assert_allclose(found["regret"].value, 100 * (ALONE.max() - ALONE[4]))


def test_k_is_at_most_the_number_of_subnets():
    assert "precision at 3" in rank([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])


def test_a_baseline_that_orders_like_the_truth_has_tau_1_and_a_constant_has_none():
    found = baselines({"parameters": ALONE**3, "constant": np.ones(12)}, ALONE)
    assert found["parameters"].value == 1
    assert math.isnan(found["constant"].value)


def test_a_subnet_that_diverged_is_refused():
    with pytest.raises(ValueError, match="nan or infinity"):
        compare([0.5, math.nan], [[0.5, 0.6]], measure=ACCURACY)
