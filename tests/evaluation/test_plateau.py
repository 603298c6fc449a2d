import math

import pytest

from hypernas.evaluation import MEASURES, find_plateau

SUBNETS = {"small": {"width": 8}, "large": {"width": 16}}
ACCURACY, NATS = MEASURES["accuracy"], MEASURES["cross_entropy"]


def saturating(at, *, noise=0.01, sign=1):
    """A score that rises with every doubling up to `at` steps, and varies with the seed."""

    def score(architecture, seed, steps):
        return sign * (0.5 + 0.1 * math.log2(min(steps, at)) + noise * seed)

    return score


def find(score, *, steps=100, seeds=(0, 1), measure=ACCURACY, **options):
    return find_plateau(score, SUBNETS, steps=steps, seeds=seeds, measure=measure, **options)


@pytest.mark.parametrize(("sign", "measure"), [(1, ACCURACY), (-1, NATS)])
def test_the_plateau_is_where_doubling_stops_to_help_in_either_direction(sign, measure):
    found = find(saturating(400, sign=sign), measure=measure)
    assert found.reached
    assert found.steps == 400
    assert list(found.trail) == [100, 200, 400, 800]


def test_a_recipe_that_is_long_enough_is_kept():
    found = find(saturating(50))
    assert (found.steps, found.reached) == (100, True)
    assert list(found.trail) == [100, 200]


def test_a_doubling_that_makes_it_worse_ends_the_search():
    def overfitted(a, seed, steps):
        return 0.9 - 0.1 * steps / 100 + 0.01 * seed

    assert find(overfitted).steps == 100


def test_scores_that_do_not_vary_and_do_not_rise_are_a_plateau():
    found = find(lambda a, seed, steps: 1.0)
    assert (found.steps, found.noise, found.reached) == (100, 0, True)


def test_a_plateau_that_does_not_come_is_told():
    found = find(saturating(10**9), doublings=2)
    assert not found.reached
    assert found.steps == 400
    assert list(found.trail) == [100, 200, 400]


def test_noise_is_pooled_over_subnets_and_the_trail_is_the_mean():
    def score(architecture, seed, steps):
        return architecture["width"] + seed * (1.0 if architecture["width"] == 8 else 3.0)

    found = find(score, seeds=(0, 2))
    assert found.noise == pytest.approx(((2 + 18) / 2) ** 0.5)
    assert found.trail[100] == pytest.approx((9 + 19) / 2)


@pytest.mark.parametrize("seeds", [(), (0,), (0, 0)])
def test_one_seed_has_no_noise(seeds):
    with pytest.raises(ValueError, match="two seeds or more"):
        find(saturating(100), seeds=seeds)


def test_no_subnet_is_refused():
    with pytest.raises(ValueError, match="0 subnets"):
        find_plateau(saturating(100), {}, steps=10, seeds=(0, 1), measure=ACCURACY)
