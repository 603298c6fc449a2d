import numpy as np
import pytest
from numpy.testing import assert_allclose

from hypernas.certification import Certified
from hypernas.evaluation import (
    MEASURES,
    TranslationQuality,
    absolute_gap,
    estimate,
    gaps,
    signed_gap,
)
from hypernas.objectives import Cosine, CrossEntropy, OwnLoss


def test_the_gap_is_positive_where_inherited_weights_are_worse_in_either_direction():
    assert_allclose(gaps([0.8, 0.9], [0.9, 0.9]), [0.1, 0.0])
    assert_allclose(gaps([0.8, 0.9], [0.9, 0.9], lower_is_better=True), [-0.1, 0.0])


def test_turning_a_measure_around_turns_its_gap_around():
    ours, alone = np.random.default_rng(0).normal(size=(2, 3, 7))
    assert_allclose(signed_gap(-ours, -alone), signed_gap(ours, alone, lower_is_better=True))
    assert_allclose(absolute_gap(-ours, -alone), absolute_gap(ours, alone, lower_is_better=True))


def test_gaps_of_either_sign_cancel_in_the_signed_gap_alone():
    ours, alone = [0.8, 1.0], [0.9, 0.9]
    assert_allclose(signed_gap(ours, alone), 0, atol=1e-12)
    assert_allclose(absolute_gap(ours, alone), 0.1)


def test_weights_trained_alone_have_no_gap():
    alone = np.random.default_rng(0).normal(size=(3, 7))
    assert_allclose(absolute_gap(alone, alone), 0)


def test_noise_of_the_reference_adds_0_8_of_its_deviation_to_an_absolute_gap_of_nothing():
    noise = np.random.default_rng(0).normal(size=(1, 100_000))
    assert_allclose(absolute_gap(np.zeros(100_000), noise), 0.8, atol=0.01)


def test_a_gap_can_be_estimated_with_an_interval_over_subnets():
    ours, alone = np.random.default_rng(0).normal(size=(2, 3, 7))
    made = estimate(signed_gap, ours, alone)
    assert_allclose(made.by_seed, (alone - ours).mean(1))
    assert made.low < made.value < made.high


def test_every_measure_of_the_objectives_has_a_direction():
    import torch

    measured = CrossEntropy().measures(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long))
    own = OwnLoss().measures(torch.zeros(()), None)
    taught = {"agreement", "relation_divergence", "similarity_error"}
    embedded = Cosine().measures(torch.ones(1, 2), torch.ones(1, 2))
    usage = {*TranslationQuality.names, "certified_error", *Certified.names}
    assert {*measured, *own, *taught, *embedded, *usage} == set(MEASURES)
    assert all(measure.name == name for name, measure in MEASURES.items())


def test_scores_are_higher_where_the_measure_is_better():
    assert_allclose(MEASURES["accuracy"].score([0.1, 0.9]), [0.1, 0.9])
    assert_allclose(MEASURES["cross_entropy"].score([0.1, 0.9]), [-0.1, -0.9])


def test_gaps_of_different_subnets_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(3,\)"):
        signed_gap(np.ones((3, 2)), np.ones(3))
