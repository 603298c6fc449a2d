"""Additive models, branches, AOWS and the methods that need no model."""

import itertools

import numpy as np
import pytest
from toys import conditional, measure, plain, trade

from hypernas import Choice, SearchSpace
from hypernas.sampling import nested_family
from hypernas.search import (
    Aows,
    CoarseToFine,
    Constraint,
    LargestThatFits,
    Objective,
    Problem,
    run,
)
from hypernas.search.additive import Additive, branches
from hypernas.search.coarse_to_fine import grid
from hypernas.search.largest_that_fits import diagonal


def latency(genes) -> float:
    """Additive over neighbours, absent choices left out."""
    there = [g for g in genes if g >= 0]
    return sum((a + 1) * (b + 2) for a, b in itertools.pairwise(there)) + 5.0


@pytest.mark.parametrize("space", [plain(4), conditional()], ids=["plain", "conditional"])
def test_an_additive_model_of_neighbours_predicts_what_adds_up_over_them(space):
    every = list(space.enumerate())
    values = measure(space, "ms", latency)(every)
    order = np.random.default_rng(0).permutation(len(every))
    known, others = order[: 2 * len(every) // 3], order[2 * len(every) // 3 :]
    model = Additive(space, [every[i] for i in known], [values[i] for i in known], pairs=True)
    for i in others:
        items = [(name, [every[i][name]]) for name in space.choices if name in every[i]]
        found = model.constant + sum(model.states(*item)[0] for item in items)
        found += sum(model.neighbours(a, b)[0, 0] for a, b in itertools.pairwise(items))
        assert found == pytest.approx(values[i], rel=1e-3)


def test_branches_hold_every_architecture_once():
    space = conditional()
    sizes = [np.prod([len(values) for values in branch.values()]) for branch in branches(space)]
    assert sum(sizes) == space.size
    with pytest.raises(ValueError, match="at most 2"):
        branches(space, limit=2)


@pytest.mark.parametrize("decoding", ["exact", "multiplier"])
def test_aows_finds_the_best_of_what_adds_up_within_a_few_evaluations(decoding):
    space = plain(6)
    good = measure(space, "good", lambda genes: sum((i + 1) * g for i, g in enumerate(genes)))
    late = measure(space, "late", latency)
    limits = [Constraint("late", 30)]
    problem = Problem(space, [Objective("good", maximize=True)], limits, {"late": late})
    search = Aows(problem, decoding=decoding)
    list(run(search, [good, late], num_evaluations=36))
    allowed = [a for a in space.enumerate() if late([a])[0] <= 30]
    best, found = max(good(allowed)), max(one.values["good"] for one in search.told)
    assert found == best if decoding == "exact" else found >= best - 3


def test_the_coarse_grid_takes_the_same_place_in_every_part():
    space = conditional()
    found = grid(space, np.random.default_rng(0), 30)
    assert len(found) == 3 * 2 * 3
    for one in found:
        assert len({one[name] for name in one if name.startswith("width")}) == 1
    assert len(grid(space, np.random.default_rng(0), 5)) == 5


def test_coarse_to_fine_starts_with_the_grid_and_goes_on_from_its_best():
    space = plain(5)
    problem, measures = trade(space)
    single = Problem(space, problem.objectives[:1])
    search = CoarseToFine(single, coarse=3)
    list(run(search, measures[:1], num_evaluations=20))
    first, rest = search.told[:3], search.told[3:]
    best = max(first, key=lambda one: one.values["good"]).architecture
    assert {tuple(set(one.architecture.values())) for one in first} == {(0,), (1,), (2,)}
    changed = [sum(one.architecture[n] != best[n] for n in best) for one in rest]
    assert np.mean(changed) < 2


def test_the_diagonal_is_sorted_from_the_smallest_to_the_largest():
    space = SearchSpace(
        {"a": [1, 2, 3], "act": Choice(["x", "y"]), "b": list(range(7))}, lambda _: None
    )
    found = diagonal(space)
    assert len(found) == 7
    assert (found[0]["a"], found[0]["b"]) == (1, 0)
    assert found[-1] == space.largest()
    for smaller, larger in itertools.pairwise(found):
        assert smaller["a"] <= larger["a"]
        assert smaller["b"] <= larger["b"]


def test_a_larger_budget_never_gives_a_smaller_network():
    space = plain(5)
    _, (good, dear) = trade(space)
    sizes = []
    for bound in range(15, 46, 5):
        problem = Problem(
            space, [Objective("good", True)], [Constraint("dear", bound)], {"dear": dear}
        )
        search = LargestThatFits(problem)
        list(run(search, [good, dear], num_evaluations=10))
        assert len(search.told) == 1
        sizes.append(search.told[0].values["dear"])
    assert sizes == sorted(sizes) == [15, 15, 15, 30, 30, 30, 45]


def test_of_a_family_that_was_trained_the_largest_member_that_fits_is_taken():
    space = plain(5)
    _, (good, dear) = trade(space)
    family = nested_family(space, 4)
    for bound in range(15, 46, 5):
        problem = Problem(
            space, [Objective("good", True)], [Constraint("dear", bound)], {"dear": dear}
        )
        search = LargestThatFits(problem, members=4)
        list(run(search, [good, dear], num_evaluations=10))
        (found,) = search.told
        fitting = [member for member in family if dear([member])[0] <= bound]
        assert found.architecture == fitting[-1]


def test_a_measured_budget_is_approached_from_above():
    space = plain(5)
    _, (good, dear) = trade(space)
    search = LargestThatFits(Problem(space, [Objective("good", True)], [Constraint("dear", 20)]))
    list(run(search, [good, dear], num_evaluations=10, num_at_once=4))
    assert [one.values["dear"] for one in search.told] == [45, 30, 15]
