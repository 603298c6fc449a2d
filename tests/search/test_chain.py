"""Paths of chains, against going through all of them."""

import itertools

import numpy as np
import pytest

from hypernas.search.budget import bisected, cheapest, exact
from hypernas.search.chain import Chain, marginals, viterbi


def random_chain(seed: int, *, integers: bool = False) -> Chain:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, size=rng.integers(1, 6))

    def costs(*shape):
        return rng.integers(0, 30, size=shape) if integers else rng.random(shape)

    pairs = [costs(s, t) for s, t in itertools.pairwise(sizes)]
    return Chain([rng.random(s) for s in sizes], [costs(s) for s in sizes], pairs)


def paths(chain: Chain) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(len(link)) for link in chain.rewards)))


def budget_of(chain: Chain, seed: int) -> float:
    costs = [chain.cost(path) for path in paths(chain)]
    share = np.random.default_rng(seed).uniform(0.1, 0.9)
    return float(min(costs) + share * (max(costs) - min(costs)))


def best(chain: Chain, budget: float) -> float:
    return max(chain.reward(p) for p in paths(chain) if chain.cost(p) <= budget)


@pytest.mark.parametrize("multiplier", [0, 0.5, 2, 10])
def test_viterbi_finds_the_best_of_all_paths(multiplier):
    for seed in range(20):
        chain = random_chain(seed)
        scores = [chain.reward(p) - multiplier * chain.cost(p) for p in paths(chain)]
        found = viterbi(chain, multiplier)
        assert chain.reward(found) - multiplier * chain.cost(found) == pytest.approx(max(scores))
    assert chain.cost(cheapest(chain)) == pytest.approx(min(map(chain.cost, paths(chain))))


def test_marginals_are_those_of_all_paths():
    for seed in range(20):
        chain = random_chain(seed)
        every = paths(chain)
        scores = np.array([chain.reward(p) - 0.5 * chain.cost(p) for p in every]) / 0.3
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        for link, found in enumerate(marginals(chain, 0.5, 0.3)):
            expected = np.bincount([p[link] for p in every], weights, len(found))
            np.testing.assert_allclose(found, expected, atol=1e-12)


def test_marginals_are_the_best_path_when_cold_and_uniform_when_hot():
    chain = random_chain(3)
    cold = [int(one.argmax()) for one in marginals(chain, 0.5, 1e-3)]
    assert tuple(cold) == viterbi(chain, 0.5)
    assert all(one.max() > 1 - 1e-9 for one in marginals(chain, 0.5, 1e-4))
    hot = marginals(chain, 0.5, 1e9)
    assert all(one == pytest.approx(np.full(len(one), 1 / len(one))) for one in hot)


@pytest.mark.parametrize("integers", [False, True])
def test_the_exact_programme_finds_the_optimum_of_200_of_200_random_chains(integers):
    for seed in range(200):
        chain = random_chain(seed, integers=integers)
        budget = budget_of(chain, seed)
        found = exact(chain, budget)
        assert found is not None
        assert chain.cost(found) <= budget + 1e-9
        assert chain.reward(found) == pytest.approx(best(chain, budget), abs=1e-12)


def test_rounded_costs_stay_within_the_budget_and_lose_no_more_than_the_rounding():
    for seed in range(50):
        chain = random_chain(seed)
        budget, resolution = budget_of(chain, seed), 0.02
        found = exact(chain, budget, resolution)
        num_terms = 2 * len(chain.rewards) - 1
        if found is None:
            assert min(map(chain.cost, paths(chain))) > budget - num_terms * resolution
            continue
        assert chain.cost(found) <= budget
        smaller = budget - num_terms * resolution
        if min(map(chain.cost, paths(chain))) <= smaller:
            assert chain.reward(found) >= best(chain, smaller) - 1e-12


def test_bisection_is_within_the_budget_and_not_always_optimal():
    optimal = 0
    for seed in range(200):
        chain = random_chain(seed)
        budget = budget_of(chain, seed)
        found = bisected(chain, budget)
        assert found is not None
        assert chain.cost(found[0]) <= budget
        optimal += chain.reward(found[0]) >= best(chain, budget) - 1e-12
    assert 120 < optimal < 200


def test_a_budget_that_nothing_meets_has_no_path():
    chain = random_chain(0)
    below = chain.cost(cheapest(chain)) - 1e-6
    assert exact(chain, below) is None
    assert exact(chain, below, 0.01) is None
    assert bisected(chain, below) is None
