import math

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from hypernas.data import Data
from hypernas.evaluation import MEASURES, find_plateau
from hypernas.evaluation.trivial import class_frequencies

SUBNETS = {"small": {"width": 8}, "large": {"width": 16}}
ACCURACY, NATS = MEASURES["accuracy"], MEASURES["cross_entropy"]


def saturating(at, *, noise=0.01, sign=1):
    """A score that rises with every doubling up to `at` steps, and varies with the seed."""

    def score(architecture, seed, steps):
        return sign * (0.5 + 0.1 * math.log2(min(steps, at)) + noise * seed)

    return score


def find(score, *, steps=100, seeds=(0, 1, 2), measure=ACCURACY, **options):
    return find_plateau(score, SUBNETS, steps=steps, seeds=seeds, measure=measure, **options)


def wavering(curve, rng, *, noise):
    """A score with its curve of doublings, and normal noise."""
    return lambda a, seed, steps: curve(math.log2(steps / 100)) + noise * rng.standard_normal()


@pytest.mark.parametrize(("sign", "measure"), [(1, ACCURACY), (-1, NATS)])
def test_the_plateau_is_where_doublings_stop_to_help_in_either_direction(sign, measure):
    found = find(saturating(400, sign=sign), measure=measure)
    assert found.reached
    assert found.steps == 400
    assert list(found.trail) == [100, 200, 400, 800, 1600]


def test_a_recipe_that_is_long_enough_is_kept():
    found = find(saturating(50))
    assert (found.steps, found.reached) == (100, True)
    assert list(found.trail) == [100, 200, 400]


def test_a_doubling_that_makes_it_worse_ends_the_search():
    def overfitted(a, seed, steps):
        return 0.9 - 0.1 * steps / 100 + 0.01 * seed

    assert find(overfitted).steps == 100


def test_scores_that_do_not_vary_and_do_not_rise_are_a_plateau():
    found = find(lambda a, seed, steps: 1.0)
    assert (found.steps, found.noise, found.left, found.reached) == (100, 0, 0, True)


def test_a_plateau_that_does_not_come_is_told():
    found = find(saturating(10**9), doublings=3)
    assert not found.reached
    assert found.steps == 800
    assert list(found.trail) == [100, 200, 400, 800]


def test_noise_is_pooled_over_subnets_and_the_trail_is_the_mean():
    def score(architecture, seed, steps):
        return architecture["width"] + seed * (1.0 if architecture["width"] == 8 else 3.0)

    found = find(score, seeds=(0, 2))
    assert found.noise == pytest.approx(((2 + 18) / 2) ** 0.5)
    assert found.trail[100] == pytest.approx((9 + 19) / 2)


def test_training_that_still_gains_its_noise_by_each_doubling_is_hardly_ever_stopped():
    rng = np.random.default_rng(0)
    rising = [find(wavering(lambda d: 0.02 * d, rng, noise=0.02)).reached for _ in range(300)]
    assert np.mean(rising) < 0.02


def test_training_that_gains_nothing_is_stopped():
    rng = np.random.default_rng(1)
    flat = [find(wavering(lambda d: 0.7, rng, noise=0.02)) for _ in range(300)]
    assert np.mean([found.reached for found in flat]) > 0.9
    assert np.mean([found.steps == 100 for found in flat]) > 0.6


def test_chance_is_no_plateau():
    late = wavering(lambda d: 0.1 if d < 3 else 0.9, np.random.default_rng(2), noise=0.01)
    assert find(late).steps == 100  # what was held against the rule without a floor
    found = find(late, floor=0.1)
    assert (found.steps, found.reached, found.above_floor) == (800, True, True)
    never = find(lambda a, seed, steps: 0.1, floor=0.1)
    assert (never.reached, never.above_floor) == (False, False)
    worse = find(lambda a, seed, steps: 2.4, floor=2.3, measure=NATS)
    assert not worse.above_floor


def test_the_trivial_predictor_knows_how_frequent_classes_are():
    def split(*labels):
        return TensorDataset(torch.zeros(len(labels), 2), torch.tensor(labels))

    data = Data("few", split(0, 1, 1, 1, -100), split(1, 0, 1), split(0, 2), (2,), 3)
    assert class_frequencies(data, "accuracy") == pytest.approx(2 / 3)
    expected = -(2 * math.log(4 / 6) + math.log(2 / 6)) / 3  # one of each class is added
    assert class_frequencies(data, "cross_entropy") == pytest.approx(expected)
    assert class_frequencies(data, "cross_entropy", split="test") > 1
    assert class_frequencies(data, "loss") is None
    real = TensorDataset(torch.zeros(3, 2), torch.zeros(3))
    assert class_frequencies(Data("real", real, real, real, (2,), 1), "accuracy") is None


def test_one_doubling_tells_nothing():
    with pytest.raises(ValueError, match="two doublings or more, got doublings=1"):
        find(saturating(100), doublings=1)
    with pytest.raises(ValueError, match="steps=-3"):
        find(saturating(100), steps=-3)


@pytest.mark.parametrize("seeds", [(), (0,), (0, 0)])
def test_one_seed_has_no_noise(seeds):
    with pytest.raises(ValueError, match="two seeds or more"):
        find(saturating(100), seeds=seeds)


def test_no_subnet_is_refused():
    with pytest.raises(ValueError, match="0 subnets"):
        find_plateau(saturating(100), {}, steps=10, seeds=(0, 1), measure=ACCURACY)
